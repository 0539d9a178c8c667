/**
 * The distributors that this visit may use: which one is tried next, and whether another would be a better choice.
 * The list is what the distributor tells (`cluster`); nothing that the site's page says gets in here.
 */

/** Milliseconds that a distributor whose distance was never measured is taken to be away. */
const UNKNOWN_MS = 100;
/** A full distributor counts as so many times as far away as an idle one. */
const LOAD_WEIGHT = 4;
/** Another distributor has to be so much better before a connection that stands is given up for it. */
const MUCH_BETTER = 0.5;

/** What is known of one distributor. */
class Place {
  load = 0;
  distance = UNKNOWN_MS;
  failures = 0;

  /** Load and distance in time as one number; the lower the better. */
  get cost() {
    return this.distance * (1 + LOAD_WEIGHT * this.load);
  }
}

export class Cluster {
  /** @type {Map<string, Place>} */
  #places = new Map();
  #current;

  /** @param {string} home the origin that this bridge came from */
  constructor(home) {
    this.#current = home;
    this.#places.set(home, new Place());
  }

  /** The origin that is in use, or is to be tried. */
  get current() {
    return this.#current;
  }

  /** All origins, the one in use first, then the best. */
  get origins() {
    const others = [...this.#places.keys()].filter((origin) => origin !== this.#current);
    return [this.#current, ...others.sort((one, other) => this.#compare(one, other))];
  }

  /**
   * The list has come from a distributor. Origins that this page cannot reach (http from https) are left out.
   * @param {[url: string, load: number][]} distributors
   */
  update(distributors) {
    const { protocol } = new URL(this.#current);
    const told = new Map(distributors.filter(([url]) => URL.canParse(url) && new URL(url).protocol === protocol));
    for (const origin of [...this.#places.keys()]) {
      if (!told.has(origin) && origin !== this.#current) this.#places.delete(origin);
    }
    for (const [origin, load] of told) this.#place(origin).load = Math.min(1, Math.max(0, Number(load) || 0));
  }

  /**
   * @param {string} origin
   * @param {number} ms how long a small answer took
   */
  measured(origin, ms) {
    const place = this.#places.get(origin);
    if (place) place.distance = ms;
  }

  /** The connection stands and has stood for a while. */
  stood() {
    this.#place(this.#current).failures = 0;
  }

  /**
   * The connection is lost, or was not made: choose who is tried next.
   * @returns {number} how many times in a row that one has failed
   */
  lost() {
    this.#place(this.#current).failures += 1;
    const [first, ...others] = this.origins;
    this.#current = others.reduce((best, one) => (this.#compare(one, best) < 0 ? one : best), first);
    return this.#place(this.#current).failures;
  }

  /**
   * An origin that is much better than the one in use, by what was measured.
   * @returns {string | undefined}
   */
  better() {
    const [current, best] = this.origins;
    if (best === undefined || this.#place(best).failures > 0) return undefined;
    return this.#place(best).cost < MUCH_BETTER * this.#place(current).cost ? best : undefined;
  }

  /** @param {string} origin to be used from now on */
  move(origin) {
    if (this.#places.has(origin)) this.#current = origin;
  }

  /**
   * @param {string} one
   * @param {string} other
   */
  #compare(one, other) {
    const [a, b] = [this.#place(one), this.#place(other)];
    return a.failures - b.failures || a.cost - b.cost;
  }

  /** @param {string} origin */
  #place(origin) {
    let place = this.#places.get(origin);
    if (!place) this.#places.set(origin, (place = new Place()));
    return place;
  }
}
