/**
 * The bridge: a frame on the distributor's origin inside the site's page. It fetches, holds the WebSocket and owns the cell;
 * it runs no unit's code, ever.
 */

import { fetchBundle, fetchFile, fetchManifest, SHORT_PATIENCE_MS } from "./bundle.js";
import { BUNDLE_FILES } from "./channels.js";
import { Cluster } from "./cluster.js";
import { Conditions } from "./conditions.js";
import { measure } from "./distance.js";
import { BEAT_MS, fall, Pulse } from "./falls.js";
import { readOptions } from "./options.js";
import { claim } from "./slots.js";
import { Tally } from "./tally.js";
import { Volunteer } from "./volunteer.js";

/** @typedef {import("./channels.js").State} State */
/** @typedef {import("./channels.js").ToBridge} ToBridge */
/** @typedef {import("./channels.js").FromBridge} FromBridge */

const FULL = "This site computes in as many places as this machine has processors already.";
const FALLEN = "This browser has ended again and again what was computed here; perhaps it has too little memory.";
const NO_TIMINGS = Object.freeze({ bundle: 0, ready: 0, acknowledged: 0, opened: 0, workers: [] });
/** The page is told of changes at most so often, except of the first acknowledgement. */
const STATUS_MS = 250;
/** Distributors are compared for the first time when a visit has lasted so long, and then again and again. */
const FIRST_LOOK_MS = 20_000;
const LOOK_MS = 300_000;

/**
 * The bundle on its way into the cell: its id, when it is there, and how far it is.
 * @typedef {{id: Promise<string>, given: Promise<void>, tally: Tally}} Loading
 */

/**
 * Fetches the bundle into the cell. Begins before the page has said anything: it made this frame because its visitor agreed.
 * @param {MessageChannel} channel to the cell
 * @param {Conditions} conditions
 * @returns {Loading}
 */
function load(channel, conditions) {
  const allowed = conditions.mayLoad();
  const manifest = allowed.then(fetchManifest);
  const tally = new Tally();
  return { id: manifest.then(({ id }) => id), given: allowed.then(() => give(manifest, channel, tally)), tally };
}

/**
 * @param {Promise<import("./bundle.js").Manifest>} manifest
 * @param {MessageChannel} channel
 * @param {Tally} tally
 */
async function give(manifest, { port1, port2 }, tally) {
  const cell = openCell();
  const connected = cell.then(async (window) => {
    const snapshot = BUNDLE_FILES.snapshot in (await manifest).files;
    // The cell's origin is opaque, so no other target than "*" can be named; the frame is our own and has one document.
    window.postMessage({ type: "connect", snapshot }, "*", [port2]);
  });
  await fetchBundle(await manifest, (name, bytes) => port1.postMessage({ type: "file", name, bytes }, [bytes]), tally);
  await connected;
}

/** @returns {Promise<Window>} the cell's, when it listens */
function openCell() {
  const frame = document.createElement("iframe");
  frame.sandbox.add("allow-scripts");
  frame.allow = "";
  frame.hidden = true;
  frame.src = "/cell.html";
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

/**
 * @returns {string} the operator's key in the fragment of the distributor's own page, which no server is sent; else ""
 */
function ownKey() {
  try {
    return new URLSearchParams(window.parent.location.hash.slice(1)).get("key") ?? "";
  } catch {
    return ""; // a site's page: of another origin
  }
}

class Bridge {
  /** @type {import("./channels.js").Timings} */
  #timings = { ...NO_TIMINGS, workers: [] };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #statusTimer;
  /** The visitor, or the page, has paused. */
  #paused = false;
  /** @type {import("./panel.js").Panel | undefined} */
  #panel;
  #share = 0;
  /** The cell is gone, and with it all that computed. */
  #fallen = false;
  /** It has been gone for long enough to begin anew. */
  #rested = false;
  #pulse = new Pulse();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #beats;
  #port;
  #cell;
  #volunteer;
  #options;
  #conditions;
  #bundle;
  #cluster = new Cluster(location.origin);

  /**
   * @param {MessagePort} port to the page
   * @param {MessagePort} cell
   * @param {Loading} bundle
   * @param {string} site the page's host
   * @param {import("./options.js").Options} options
   * @param {Conditions} conditions
   */
  constructor(port, cell, bundle, site, options, conditions) {
    const { workers } = options;
    this.#port = port;
    this.#cell = cell;
    this.#options = options;
    this.#conditions = conditions;
    this.#bundle = bundle;
    bundle.tally.onChange = () => this.#change();
    conditions.mains = options.mains;
    conditions.dedicated = options.dedicated;
    conditions.onChange = () => this.#adapt();
    this.#volunteer = new Volunteer({
      cluster: this.#cluster,
      site,
      agent: describeAgent(),
      workers,
      tasks: options.tasks,
      key: ownKey(),
      // With short patience: a task whose files do not come goes back to others, and is told again.
      fetchFile: (sha256, way) => fetchFile(sha256, { origins: () => this.#cluster.origins, patience: SHORT_PATIENCE_MS, ...way }),
      bundle: bundle.id,
      tellCell: (message, transfer = []) => cell.postMessage(message, transfer),
      onChange: () => this.#change(),
    });
    port.onmessage = ({ data }) => this.#obey(data);
    cell.onmessage = ({ data }) => {
      if (data.type === "beat") return this.#pulse.answered();
      if (data.type === "ready") {
        this.#watch();
        this.#timings.ready ||= performance.now();
        this.#timings.workers.push(data.ms);
      } else if (data.type === "opened") {
        this.#timings.opened = data.ms;
      } else if (data.type === "picture") {
        this.#panel?.picture(data.data);
      } else if (data.type === "failed" && this.#timings.ready) {
        return this.#fall(); // they did start here: what was computed has left no memory for another one
      }
      this.#volunteer.fromCell(data);
    };
    addEventListener("online", () => this.#volunteer.connect());
    this.#report(); // the page knows now that somebody is here
    this.#share = options.share ?? conditions.share;
    cell.postMessage({ type: "start", workers, share: this.#share });
    this.#adapt();
    this.#volunteer.connect();
    // By a timer, as a frame that was taken away while it loaded has none: nobody is to be told of that.
    this.#showPanel().catch((error) => setTimeout(() => console.warn(`disio: there is no panel: ${error}`)));
    setTimeout(() => this.#look(), FIRST_LOOK_MS);
    bundle.given.then(
      () => {
        this.#timings.bundle = performance.now();
        this.#volunteer.ready();
      },
      (error) => this.#volunteer.fail("files", error instanceof Error ? error.message : String(error)),
    );
  }

  /** @param {ToBridge} wish */
  #obey(wish) {
    if (wish?.type === "pressure") this.#conditions.pressure(wish.state);
    else if (wish?.type === "pause" || wish?.type === "resume") this.#pause(wish.type === "pause");
  }

  /** @param {boolean} paused */
  #pause(paused) {
    this.#paused = paused;
    if (this.#fallen) this.#begin();
    else this.#adapt();
  }

  /** A cell whose process ends tells nobody, and this frame may have another process: so the cell is asked. */
  #watch() {
    this.#beats ??= setInterval(() => {
      if (this.#pulse.ask()) this.#cell.postMessage({ type: "beat" });
      else this.#fall();
    }, BEAT_MS);
  }

  /** What is computed takes the cell down, or leaves it no memory. This visit ends, as if its tab had been closed; after a while another one begins. */
  #fall() {
    if (this.#fallen || this.#volunteer.ended) return;
    this.#fallen = true;
    clearInterval(this.#beats);
    const { fragment, wait } = fall(location.hash, performance.now(), this.#options.dedicated);
    history.replaceState(null, "", fragment); // replaced, so that the page's "back" knows nothing of it
    if (wait === null) return this.#volunteer.fail("fallen", FALLEN);
    console.warn("disio: the browser has no room any more for what computes; it begins anew");
    this.#volunteer.close();
    setTimeout(() => {
      this.#rested = true;
      this.#begin();
    }, wait);
  }

  /** Begin anew after a fall, unless the visitor has paused; in that case once it is resumed. */
  #begin() {
    if (this.#rested && !this.#paused) location.reload();
  }

  /** @returns {import("./channels.js").PauseReason} */
  get #reason() {
    return this.#paused ? "visitor" : this.#conditions.reason;
  }

  /** Rest, or go on, and how fast, as things are now. */
  #adapt() {
    if (this.#fallen) return;
    const rest = this.#reason !== "";
    if (rest !== this.#volunteer.paused) {
      if (rest) this.#volunteer.pause();
      else this.#volunteer.resume();
    }
    const share = this.#options.share ?? this.#conditions.share;
    if (share !== this.#share) this.#cell.postMessage({ type: "pace", share });
    this.#share = share;
    this.#change();
  }

  /** Loaded while the bundle is on its way; computing does not wait for it. */
  async #showPanel() {
    this.#panel = await openPanel(this.#options, {
      pause: () => this.#pause(true),
      resume: () => (this.#volunteer.ended ? location.reload() : this.#pause(false)),
      stop: () => this.#tell({ type: "stop" }),
      look: (on) => this.#cell.postMessage({ type: "look", on }),
      resize: (width, height) => this.#tell({ type: "size", width, height }),
    });
    this.#report();
  }

  /** @param {FromBridge} message */
  #tell(message) {
    this.#port.postMessage(message);
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
    if (paused || (this.#fallen && this.#paused)) return "paused";
    if (this.#fallen || !this.#timings.ready || this.#volunteer.awaited) return "loading";
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
    const { ended, failure, awaited, task, computed: payloads, failed, acknowledged, seconds, memory } = this.#volunteer;
    const counts = { payloads, failed, acknowledged, seconds, memory };
    const [state, timings] = [this.#state(), this.#timings];
    const reason = state === "paused" ? this.#reason : failure;
    const progress = state === "loading" ? readProgress(awaited, this.#bundle.tally) : null;
    const message = ended || (progress?.megabytes ? `Loading packages: ${progress.megabytes.map((mb) => mb.toFixed(1)).join(" of ")} MB` : "");
    const line = task?.description.trim().split("\n")[0] || task?.name || "";
    /** @type {import("./channels.js").Status} */
    const status = { type: "status", state, reason, message, task: line, ...counts, timings };
    this.#tell(status);
    const about = { title: task?.name ?? "", description: task?.description ?? "", homepage: task?.homepage ?? "" };
    this.#panel?.draw(status, about, this.#share * this.#options.workers, progress);
  }
}

/**
 * How far is what has to be waited for. Of the bundle megabytes are not told: it takes far fewer on its way than here.
 * @param {Tally | null} awaited what the task needs
 * @param {Tally} bundle
 * @returns {import("./panel.js").Progress | null} null: nothing is on its way
 */
function readProgress(awaited, bundle) {
  if (bundle.wanted) return { share: bundle.come / bundle.wanted, megabytes: null };
  return awaited && { share: awaited.come / awaited.wanted, megabytes: [awaited.come / 1e6, awaited.wanted / 1e6] };
}

/**
 * @param {import("./options.js").Options} options
 * @param {import("./panel.js").Wishes} wishes
 */
async function openPanel(options, wishes) {
  const { loadWords, Panel } = await import("./panel.js");
  const fetchWords = async (/** @type {string} */ language) =>
    (await (await fetch(new URL(`words/${language}.json`, import.meta.url))).json()).panel;
  return new Panel(await loadWords(options, fetchWords), options, wishes);
}

/**
 * No interpreter may compute here: but for the panel, which says so, nothing is loaded, and nobody connects.
 * @param {MessagePort} port to the page
 * @param {import("./options.js").Options} options
 */
async function refuse(port, options) {
  const counts = { payloads: 0, failed: 0, acknowledged: 0, seconds: 0, memory: 0 };
  /** @type {import("./channels.js").Status} */
  const status = { type: "status", state: "failed", reason: "full", message: FULL, task: "", ...counts, timings: NO_TIMINGS };
  /** @param {FromBridge} message */
  const tell = (message) => port.postMessage(message);
  tell(status);
  const panel = await openPanel(options, {
    pause: () => {},
    resume: () => location.reload(),
    stop: () => tell({ type: "stop" }),
    look: () => {},
    resize: (width, height) => tell({ type: "size", width, height }),
  });
  panel.draw(status, { title: "", description: "", homepage: "" }, 0, null);
}

function open() {
  const channel = new MessageChannel();
  const conditions = new Conditions();
  const bundle = claim(1).then((slots) => {
    if (slots === 0) return null;
    const loading = load(channel, conditions);
    for (const promise of [loading.id, loading.given]) promise.catch(() => {}); // told by the bridge, once there is one
    return loading;
  });

  /** @param {MessageEvent} event */
  const connect = async (event) => {
    if (event.source !== parent || event.data?.type !== "start" || !event.ports[0]) return;
    removeEventListener("message", connect);
    const loading = await bundle;
    const options = readOptions(event.data.options, navigator.hardwareConcurrency);
    if (!loading) return refuse(event.ports[0], options);
    options.workers = 1 + (await claim(options.workers - 1));
    const site = event.origin.replace(/^\w+:\/\//, "").slice(0, 200);
    new Bridge(event.ports[0], channel.port1, loading, site, options, conditions);
  };
  addEventListener("message", connect);
  parent.postMessage({ type: "here" }, "*"); // says nothing but that; who answers is looked at above
}

// A page of its own is no volunteer: nobody has been asked there.
if (parent !== window) open();
