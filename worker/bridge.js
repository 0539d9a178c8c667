/**
 * The bridge: a frame on the distributor's origin inside the site's page. It fetches, holds the WebSocket and owns the cell;
 * it runs no unit's code, ever.
 */

import { fetchBundle, fetchManifest, fetchText } from "./bundle.js";
import { BUNDLE_FILES } from "./channels.js";
import { Cluster } from "./cluster.js";
import { measure } from "./distance.js";
import { Volunteer } from "./volunteer.js";

/** @typedef {import("./channels.js").State} State */
/** @typedef {import("./channels.js").ToBridge} ToBridge */

const MAX_WORKERS = 64;
/** The page is told of changes at most so often, except of the first acknowledgement. */
const STATUS_MS = 250;
/** Distributors are compared for the first time when a visit has lasted so long, and then again and again. */
const FIRST_LOOK_MS = 20_000;
const LOOK_MS = 300_000;

/**
 * Fetches the bundle into the cell. Begins before the page has said anything: it made this frame because its visitor agreed.
 * @param {MessageChannel} channel to the cell
 */
async function load({ port1, port2 }) {
  const [manifest, cell] = [fetchManifest(), openCell()];
  const connected = cell.then(async (window) => {
    const snapshot = BUNDLE_FILES.snapshot in (await manifest).files;
    // The cell's origin is opaque, so no other target than "*" can be named; the frame is our own and has one document.
    window.postMessage({ type: "connect", snapshot }, "*", [port2]);
  });
  await fetchBundle(await manifest, (name, bytes) => port1.postMessage({ type: "file", name, bytes }, [bytes]));
  await connected;
}

/** @returns {Promise<Window>} the cell's, when it listens */
function openCell() {
  const frame = document.createElement("iframe");
  frame.sandbox.add("allow-scripts");
  frame.allow = "";
  frame.src = `/cell.html${location.search}`; // ?isolated: the site is, and frames appear there only if they say so too
  return new Promise((resolve) => {
    frame.onload = () => resolve(/** @type {Window} */ (frame.contentWindow));
    document.body.append(frame);
  });
}

/** @returns {import("./messages.js").Agent} what the browser says of itself, in short */
function describeAgent() {
  const text = navigator.userAgent;
  const [, browser = "unknown", version = ""] = /(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/.exec(text) ?? [];
  const names = /** @type {Record<string, string>} */ ({ Edg: "edge", OPR: "opera", Version: "safari" });
  const [platform = ""] = /Windows|Android|iPhone|iPad|Mac OS X|CrOS|Linux/.exec(text) ?? [];
  return { browser: names[browser] ?? browser.toLowerCase(), version, platform };
}

class Bridge {
  /** @type {import("./channels.js").Timings} */
  #timings = { bundle: 0, ready: 0, acknowledged: 0, workers: [] };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #statusTimer;
  #port;
  #volunteer;
  #cluster = new Cluster(location.origin);

  /**
   * @param {MessagePort} port to the page
   * @param {MessagePort} cell
   * @param {Promise<void>} bundle is in the cell
   * @param {string} site the page's host
   * @param {number} workers
   */
  constructor(port, cell, bundle, site, workers) {
    this.#port = port;
    this.#volunteer = new Volunteer({
      cluster: this.#cluster,
      site,
      agent: describeAgent(),
      workers,
      fetchText: (sha256) => fetchText(sha256, () => this.#cluster.origins),
      tellCell: (message, transfer = []) => cell.postMessage(message, transfer),
      onChange: () => this.#change(),
    });
    port.onmessage = ({ data }) => this.#obey(data);
    cell.onmessage = ({ data }) => {
      if (data.type === "ready") {
        this.#timings.ready ||= performance.now();
        this.#timings.workers.push(data.ms);
      }
      this.#volunteer.fromCell(data);
    };
    addEventListener("online", () => this.#volunteer.connect());
    this.#report(); // the page knows now that somebody is here
    cell.postMessage({ type: "start", workers });
    this.#volunteer.connect();
    setTimeout(() => this.#look(), FIRST_LOOK_MS);
    bundle.then(
      () => {
        this.#timings.bundle = performance.now();
        this.#volunteer.ready();
      },
      (error) => this.#volunteer.fail(error instanceof Error ? error.message : String(error)),
    );
  }

  /** @param {ToBridge} wish */
  #obey(wish) {
    if (wish.type === "pause") this.#volunteer.pause();
    else if (wish.type === "resume") this.#volunteer.resume();
  }

  /** See whether another distributor is much better than this one. */
  async #look() {
    const { origins } = this.#cluster;
    if (origins.length > 1 && this.#volunteer.connected) {
      for (const origin of origins) this.#cluster.measured(origin, await measure(origin));
      const better = this.#cluster.better();
      // Not all at once, or those that see the same idle distributor would fill it, and then leave it again.
      if (better && Math.random() < 0.5) this.#volunteer.move(better);
    }
    setTimeout(() => this.#look(), LOOK_MS);
  }

  /** @returns {State} */
  #state() {
    const { ended, paused, connected, uncomputed } = this.#volunteer;
    if (ended) return "failed";
    if (paused) return "paused";
    if (!this.#timings.ready) return "loading";
    if (uncomputed > 0) return "computing";
    return connected ? "waiting" : "offline";
  }

  #change() {
    if (this.#volunteer.acknowledged > 0 && this.#timings.acknowledged === 0) {
      this.#timings.acknowledged = performance.now();
      this.#report();
    }
    this.#statusTimer ??= setTimeout(() => {
      this.#statusTimer = undefined;
      this.#report();
    }, STATUS_MS);
  }

  #report() {
    const { ended: message, task, computed: payloads, failed, acknowledged, memory } = this.#volunteer;
    const counts = { payloads, failed, acknowledged, memory };
    /** @type {import("./channels.js").Status} */
    const status = { type: "status", state: this.#state(), message, task, ...counts, timings: this.#timings };
    this.#port.postMessage(status);
  }
}

function open() {
  const channel = new MessageChannel();
  const bundle = load(channel);
  bundle.catch(() => {}); // told by the bridge, once there is one

  /** @param {MessageEvent} event */
  const connect = (event) => {
    if (event.source !== parent || event.data?.type !== "start" || !event.ports[0]) return;
    removeEventListener("message", connect);
    const workers = Math.min(MAX_WORKERS, Math.max(1, Math.floor(Number(event.data.workers)) || 1));
    const site = event.origin.replace(/^\w+:\/\//, "").slice(0, 200);
    new Bridge(event.ports[0], channel.port1, bundle, site, workers);
  };
  addEventListener("message", connect);
  parent.postMessage({ type: "here" }, "*"); // says nothing but that; who answers is looked at above
}

// A page of its own is no volunteer: nobody has been asked there.
if (parent !== window) open();
