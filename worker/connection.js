/**
 * The one WebSocket to the distributor: says hello, keeps trying when it is lost, tells apart what is worth another try.
 */

import { pack, ProtocolError, unpack } from "./messages.js";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;
/** After so long a connection its loss counts as the first one. */
const STABLE_MS = 5000;
/** Without a welcome in this time, the other end is no distributor worth waiting for. */
const WELCOME_MS = 15_000;

/** Close codes after which the same visit is not welcome again, if the distributor did not say so itself. */
const FINAL_CODES = new Set([4400, 4409, 4413]);

/** @typedef {import("./messages.js").FromDistributor} FromDistributor */

/**
 * How long to wait before the next try: doubling, and spread so that a distributor's volunteers do not all come back at once.
 * @param {number} failures tries without a lasting connection, at least 1
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
  #failures = 0;
  #stableSince = 0;
  #ended = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {import("./messages.js").Refusal | null} */
  #refusal = null;
  #url;
  #handlers;
  #WebSocket;

  /**
   * @param {string} url of the distributor's WebSocket
   * @param {Handlers} handlers
   * @param {typeof WebSocket} [Socket]
   */
  constructor(url, handlers, Socket = WebSocket) {
    this.#url = url;
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
    const socket = new this.#WebSocket(this.#url);
    this.#socket = socket;
    this.#refusal = null;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(pack(this.#handlers.hello()));
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = () => {}; // onclose follows
    socket.onclose = ({ code }) => this.#lost(code);
    this.#timer = setTimeout(() => socket.close(), WELCOME_MS);
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
    this.#socket?.close(1000);
  }

  /** @param {unknown} frame */
  #receive(frame) {
    try {
      const { message, data } = unpack(frame);
      if (message.type === "error") {
        this.#refusal = message;
      } else if (message.type === "welcome") {
        clearTimeout(this.#timer);
        this.#welcome = true;
        this.#stableSince = Date.now() + STABLE_MS;
        this.#handlers.onWelcome(message);
      } else {
        this.#handlers.onMessage(message, data);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      console.warn(`disio: ${error.message}`);
      this.#socket?.close(4400);
    }
  }

  /** @param {number} code */
  #lost(code) {
    clearTimeout(this.#timer);
    const stable = this.#welcome && Date.now() >= this.#stableSince;
    this.#socket = null;
    this.#welcome = false;
    if (this.#ended) return;
    if (this.#refusal ? !this.#refusal.retry : FINAL_CODES.has(code)) {
      this.#ended = true;
      this.#handlers.onEnd(this.#refusal?.message ?? `the distributor ended the connection (${code})`);
      return;
    }
    this.#failures = stable ? 1 : this.#failures + 1;
    const wait = pause(this.#failures, Math.random());
    this.#timer = setTimeout(() => this.connect(), wait);
    this.#handlers.onLost(wait);
  }
}
