/**
 * The one WebSocket to a distributor: says hello, keeps trying when it is lost (the next one, if the grid has several), tells
 * apart what is worth another try.
 */

import { BEAT_SECONDS, pack, ProtocolError, unpack } from "./messages.js";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;
/** After so long a connection its loss counts as the first one. */
const STABLE_MS = 5000;
/** Without a welcome in this time, the other end is no distributor worth waiting for. */
const WELCOME_MS = 10_000;
/** A distributor of which nothing was heard for so long is gone: its machine may have vanished without a word. */
const SILENCE_MS = 2.5 * BEAT_SECONDS * 1000;
const LISTEN_MS = 1000;

/** Close codes after which the same visit is not welcome again, if the distributor did not say so itself. */
const FINAL_CODES = new Set([4400, 4409, 4413]);

/** @typedef {import("./messages.js").FromDistributor} FromDistributor */

/**
 * How long to wait before the next try: doubling, and spread so that a distributor's volunteers do not all come back at once.
 * @param {number} failures tries without a lasting connection, of the distributor that is tried next
 * @param {number} random 0 to 1
 * @returns {number} milliseconds
 */
export function pause(failures, random) {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (0.5 + random / 2);
}

/**
 * @typedef {object} Handlers
 * @property {() => import("./messages.js").Hello} hello what to say first, each time
 * @property {(message: import("./messages.js").Welcome) => void} onWelcome the connection stands
 * @property {(message: FromDistributor, data: Uint8Array<ArrayBuffer>) => void} onMessage
 * @property {(retryMs: number) => void} onLost the connection is lost; there will be another try
 * @property {(message: string) => void} onEnd there will be none
 */

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  #welcome = false;
  #stableSince = 0;
  #heard = 0;
  #missed = 0;
  #ended = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #listening;
  /** @type {import("./messages.js").Refusal | null} */
  #refusal = null;
  #cluster;
  #handlers;
  #WebSocket;

  /**
   * @param {import("./cluster.js").Cluster} cluster
   * @param {Handlers} handlers
   * @param {typeof WebSocket} [Socket]
   */
  constructor(cluster, handlers, Socket = WebSocket) {
    this.#cluster = cluster;
    this.#handlers = handlers;
    this.#WebSocket = Socket;
  }

  /** Messages can be sent. */
  get open() {
    return this.#welcome && this.#socket?.readyState === 1;
  }

  /** Connect, or try again at once. */
  connect() {
    if (this.#ended || this.#socket) return;
    clearTimeout(this.#timer);
    const socket = new this.#WebSocket(`${this.#cluster.current.replace("http", "ws")}/volunteer`);
    this.#socket = socket;
    this.#refusal = null;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(pack(this.#handlers.hello()));
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = () => {}; // onclose follows
    socket.onclose = ({ code }) => this.#lost(code, this.#stable);
    this.#timer = setTimeout(() => this.#abandon(), WELCOME_MS);
  }

  /**
   * Leave a distributor that works for one that is better.
   * @param {string} origin
   */
  move(origin) {
    this.#cluster.move(origin);
    this.#leave();
    this.connect();
  }

  /**
   * @param {import("./messages.js").ToDistributor} message
   * @param {Uint8Array[]} [parts]
   * @returns {boolean} false: there is no connection, and nothing was sent
   */
  send(message, parts) {
    if (!this.open) return false;
    /** @type {WebSocket} */ (this.#socket).send(pack(message, parts));
    return true;
  }

  /** Give this connection up for another one, after a pause. */
  restart() {
    this.#socket?.close(1000);
  }

  /** End the connection for good. */
  close() {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearInterval(this.#listening);
    this.#socket?.close(1000);
  }

  /** Have done with the present socket, without waiting for its other end. */
  #leave() {
    clearTimeout(this.#timer);
    clearInterval(this.#listening);
    const socket = this.#socket;
    this.#socket = null;
    this.#welcome = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /** Nobody answers: what a close would wait for does not come. */
  #abandon() {
    const stable = this.#stable;
    this.#leave();
    this.#lost(1006, stable);
  }

  get #stable() {
    return this.#welcome && Date.now() >= this.#stableSince;
  }

  #listen() {
    // What was sent may be waiting behind the timer that asks: only the second time counts.
    this.#missed = Date.now() - this.#heard > SILENCE_MS ? this.#missed + 1 : 0;
    if (this.#missed > 1) this.#abandon();
  }

  /** @param {unknown} frame */
  #receive(frame) {
    this.#heard = Date.now();
    try {
      const { message, data } = unpack(frame);
      if (message.type === "error") {
        this.#refusal = message;
      } else if (message.type === "welcome") {
        clearTimeout(this.#timer);
        this.#welcome = true;
        this.#stableSince = Date.now() + STABLE_MS;
        this.#missed = 0;
        this.#listening = setInterval(() => this.#listen(), LISTEN_MS);
        this.#handlers.onWelcome(message);
      } else if (message.type === "cluster") {
        this.#cluster.update(message.distributors);
      } else if (message.type !== "beat") {
        this.#handlers.onMessage(message, data);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      console.warn(`disio: ${error.message}`);
      this.#socket?.close(4400);
    }
  }

  /**
   * @param {number} code
   * @param {boolean} stable
   */
  #lost(code, stable) {
    clearTimeout(this.#timer);
    clearInterval(this.#listening);
    this.#socket = null;
    this.#welcome = false;
    if (this.#ended) return;
    if (this.#refusal ? !this.#refusal.retry : FINAL_CODES.has(code)) {
      this.#ended = true;
      this.#handlers.onEnd(this.#refusal?.message ?? `the distributor ended the connection (${code})`);
      return;
    }
    if (stable) this.#cluster.stood();
    const wait = pause(this.#cluster.lost(), Math.random());
    this.#timer = setTimeout(() => this.connect(), wait);
    this.#handlers.onLost(wait);
  }
}
