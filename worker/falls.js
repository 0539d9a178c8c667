/**
 * Pure. A cell whose process the browser has ended, for too much memory above all: how that is noticed, and how often the bridge is loaded anew
 * with another cell. A frame that is loaded anew remembers nothing but its address, so the count stands in the fragment of that.
 */

/** The cell is asked so often whether it is there. */
export const BEAT_MS = 1000;
/** Questions in a row without an answer. Questions are counted, not seconds: while a page is frozen, none are asked. */
const MOST_UNANSWERED = 10;

const NAME = "falls";
/** So often in a row, and a visitor's browser is left in peace. A payload that does it everywhere is set aside before. */
const MOST = 8;
/** A cell that has lived so long does not count as the next one in a row. */
const LONG_MS = 600_000;
const WAIT_MS = 1000;
const LONGEST_WAIT_MS = 10_000;

/** Whether the cell answers. */
export class Pulse {
  #unanswered = 0;

  /** @returns {boolean} whether it may be asked once more; if not, it is gone */
  ask() {
    this.#unanswered += 1;
    return this.#unanswered <= MOST_UNANSWERED;
  }

  answered() {
    this.#unanswered = 0;
  }
}

/**
 * The cell is gone once more.
 * @param {string} fragment of the bridge's address
 * @param {number} lived milliseconds since the bridge was loaded
 * @param {boolean} dedicated a machine that is there to compute never gives up
 * @returns {{fragment: string, wait: number | null}} what the address gets, and milliseconds until it is loaded anew; null: not any more
 */
export function fall(fragment, lived, dedicated) {
  const before = lived > LONG_MS ? 0 : Number(new URLSearchParams(fragment.slice(1)).get(NAME)) || 0;
  const now = before + 1;
  const wait = now > MOST && !dedicated ? null : Math.min(now * WAIT_MS, LONGEST_WAIT_MS);
  return { fragment: `#${NAME}=${now}`, wait };
}
