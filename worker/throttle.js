/**
 * Keeps a worker to its share of a core. A classic script: it is put in front of worker.js.
 *
 * Each stretch of computing pays for itself with a rest. Python cannot be interrupted, so a payload of some seconds is computed at
 * a stretch, and the rest that it owes follows; over a minute the share is what was asked for.
 */
"use strict";

/** Timers that come late are made good by shorter rests, up to this much. */
const THROTTLE_SLACK_MS = 100;

class Throttle {
  /** Of the time, 0 to 1. */
  share = 1;
  #free = 0;

  /**
   * A stretch of computing has ended.
   * @param {number} begin milliseconds, as of one clock
   * @param {number} end
   */
  spent(begin, end) {
    this.#free = Math.max(this.#free, begin - THROTTLE_SLACK_MS) + (end - begin) / this.share;
  }

  /**
   * @param {number} now
   * @returns {number} milliseconds to rest before the next stretch
   */
  owed(now) {
    return Math.max(0, this.#free - now);
  }

  /** Owe nothing. */
  forgive() {
    this.#free = 0;
  }
}
