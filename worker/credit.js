/**
 * How many leases a volunteer should hold: about two seconds of computing for each of its workers. Pure.
 */

import { MAX_WINDOW } from "./messages.js";

const AHEAD_MS = 2000;
/** So many a worker at least: one being computed, one at hand. */
const LEAST = 2;
/** Payloads held may not take more memory than this. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Smaller changes of the window are not worth a message. */
const WORTH_TELLING = 0.2;
/** Measurements older than about so much computing hardly count. */
const MEMORY_MS = 10_000;

export class Credit {
  #ms = 0;
  #count = 0;
  #meanBytes = 0;
  #told = 0;

  /** @param {number} workers interpreters that compute at the same time */
  constructor(workers) {
    this.workers = workers;
  }

  /**
   * Payloads were computed.
   * @param {number} count
   * @param {number} ms that they took together
   */
  computed(count, ms) {
    const keep = Math.exp(-ms / MEMORY_MS);
    this.#ms = this.#ms * keep + ms;
    this.#count = this.#count * keep + count;
  }

  /**
   * Payloads came in.
   * @param {number} count
   * @param {number} bytes that they have together
   */
  received(count, bytes) {
    if (count > 0) this.#meanBytes = Math.max(bytes / count, this.#meanBytes * 0.9);
  }

  /** Leases to hold. */
  get window() {
    const each = this.#count > 0 ? (AHEAD_MS * this.#count) / Math.max(this.#ms, 0.001) : 0;
    const room = MAX_BYTES / Math.max(this.#meanBytes, 1);
    const least = LEAST * this.workers;
    return Math.min(MAX_WINDOW, Math.max(least, Math.floor(Math.min(each * this.workers, room))));
  }

  /**
   * The window, if the distributor should be told a new one.
   * @param {boolean} open false: nothing is wanted now
   * @returns {number | null}
   */
  change(open) {
    const window = open ? this.window : 0;
    const differs = window === 0 || this.#told === 0 ? window !== this.#told : Math.abs(window / this.#told - 1) > WORTH_TELLING;
    if (!differs) return null;
    this.#told = window;
    return window;
  }

  /** A new connection knows of no window. */
  disconnected() {
    this.#told = 0;
  }
}
