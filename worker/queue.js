/**
 * The leases of one task that the cell has yet to have computed, and what is known of their cost. Pure: no clock, no browser.
 */

import { MAX_LOG_CHARACTERS, sizeOf } from "./messages.js";

/** Computing time that one slice should hold: long enough that a worker never waits, short enough to share fairly. */
const SLICE_MS = 200;
const MAX_SLICE = 1024;
const MAX_SLICE_BYTES = 4 * 1024 * 1024;
/** From this much per payload on, the way to the worker and back costs nothing worth hiding. */
const LONG_MS = 1000;
/** A failure, with its traceback, may be larger than a task's largest result. */
const MAX_FAILURE_BYTES = 1024 * 1024;
/** How much of what is known a new measurement leaves standing. */
const MEMORY = 0.8;

/**
 * A payload to compute. Its bytes stay here until it is answered, because a worker may be ended under it.
 * `state` is the last one that was kept of it, here or by another volunteer.
 * @typedef {{lease: number, index: number, payload: Uint8Array<ArrayBuffer>, state?: Uint8Array<ArrayBuffer>}} Entry
 */

/** What a worker said that is no answer to what it was given. */
export class AnswerError extends Error {
  name = "AnswerError";
}

export class TaskQueue {
  /** @type {Entry[]} */
  #entries = [];
  #first = 0;
  /** Mean computing time of a payload, in milliseconds; 0: not known yet. */
  meanMs = 0;
  /**
   * Leases of which one may have brought its worker down: computed one at a time.
   * @type {Entry[]}
   */
  suspects = [];

  get length() {
    return this.#entries.length - this.#first;
  }

  get empty() {
    return this.length === 0 && this.suspects.length === 0;
  }

  /**
   * @param {import("./messages.js").LeaseItem[]} items
   * @param {Uint8Array<ArrayBuffer>} data the payloads, one after the other
   */
  add(items, data) {
    let offset = 0;
    for (const [lease, index, size, begun = 0] of items) {
      const payload = data.subarray(offset, (offset += size));
      const state = begun > 0 ? data.subarray(offset, (offset += begun)) : undefined;
      this.#entries.push({ lease, index, payload, state });
    }
  }

  /**
   * Put back what a worker did not begin, in front.
   * @param {Entry[]} entries
   */
  putBack(entries) {
    if (entries.length === 0) return;
    this.#entries = [...entries, ...this.#entries.slice(this.#first)];
    this.#first = 0;
  }

  /**
   * Take the next payloads for a worker that has `held` already.
   * @param {number} held
   * @param {number} workers how many share what is left
   * @returns {Entry[]} empty if the worker has enough
   */
  take(held, workers) {
    const slice = this.#sliceLength(workers);
    const wanted = this.meanMs === 0 || this.meanMs >= LONG_MS ? 1 : 2 * slice;
    const count = held > wanted - slice ? 0 : Math.min(slice, this.length);
    const taken = [];
    let bytes = 0;
    while (taken.length < count && (bytes === 0 || bytes < MAX_SLICE_BYTES)) {
      const entry = this.#entries[this.#first++];
      bytes += entry.payload.byteLength;
      taken.push(entry);
    }
    if (this.#first > MAX_SLICE && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return taken;
  }

  /** @param {number} workers */
  #sliceLength(workers) {
    if (this.meanMs === 0) return 1;
    const fair = Math.ceil(this.length / workers / 2);
    return Math.max(1, Math.min(Math.round(SLICE_MS / this.meanMs), fair, MAX_SLICE));
  }

  /**
   * @param {number} count payloads
   * @param {number} ms that they took together
   */
  observe(count, ms) {
    const mean = Math.max(ms / count, 0.001);
    this.meanMs = this.meanMs === 0 ? mean : MEMORY * this.meanMs + (1 - MEMORY) * mean;
  }

  /**
   * Forget leases that were not begun.
   * @param {Set<number> | null} leases null: all
   * @returns {number[]} those that were here
   */
  drop(leases) {
    const gone = /** @type {number[]} */ ([]);
    /** @param {Entry} entry */
    const stays = ({ lease }) => {
      const drops = leases === null || leases.has(lease);
      if (drops) gone.push(lease);
      return !drops;
    };
    this.#entries = this.#entries.slice(this.#first).filter(stays);
    this.#first = 0;
    this.suspects = this.suspects.filter(stays);
    return gone;
  }
}

/**
 * What a worker is sent: `items` as JSON, and the payloads copied into one buffer.
 * @param {Entry[]} entries
 */
export function sliceOf(entries) {
  const parts = entries.flatMap(({ payload, state }) => (state ? [payload, state] : [payload]));
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let end = 0;
  for (const part of parts) {
    data.set(part, end);
    end += part.byteLength;
  }
  const items = entries.map(({ index, payload, state }) => [index, payload.byteLength, ...(state ? [state.byteLength] : [])]);
  return { items: JSON.stringify(items), data };
}

/**
 * Joins a step's results with the leases that they answer. A unit may have got hold of its worker's voice: what does not fit
 * the protocol ends here, with the unit, and not at the distributor, with the visit.
 * @param {string} items JSON: [[outcome, size, ms, log?], ...]
 * @param {Uint8Array} data
 * @param {Entry[]} entries the slice that the worker computes, in its order
 * @param {number} maxBytes more than this is no result of the task
 * @returns {import("./messages.js").ResultItem[]}
 * @throws {AnswerError}
 */
export function joinResults(items, data, entries, maxBytes) {
  let told;
  try {
    told = JSON.parse(items);
  } catch {
    throw new AnswerError("its results were no JSON");
  }
  if (!(data instanceof Uint8Array)) throw new AnswerError("its results had no data");
  if (data.buffer.byteLength !== data.byteLength) throw new AnswerError("its results came with more than their data");
  if (!Array.isArray(told) || told.length === 0 || told.length > entries.length) {
    throw new AnswerError("it answered other payloads than it was given");
  }
  const results = told.map((item, index) => {
    const [outcome, size, ms, log = ""] = Array.isArray(item) ? item : [];
    const sized = Number.isSafeInteger(size) && size >= 0 && size <= Math.max(maxBytes, MAX_FAILURE_BYTES);
    const fits = (outcome === 0 || outcome === 1) && ms >= 0 && ms <= 1e9 && typeof log === "string";
    if (!sized || !fits) throw new AnswerError("its results are no results");
    /** @type {import("./messages.js").ResultItem} */
    const result = [entries[index].lease, outcome, size, Number(ms)];
    if (log) result.push(log.slice(0, MAX_LOG_CHARACTERS).toWellFormed());
    return result;
  });
  if (sizeOf(results) !== data.byteLength) throw new AnswerError("the sizes of its results do not add up");
  return results;
}
