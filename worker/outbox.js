/**
 * What a volunteer owes its distributor: which leases it holds, and the results that are not acknowledged yet. Pure.
 *
 * A result stays here until it is acknowledged. Each task has at most one frame of results under way: while it is, results
 * gather, so batches grow under load by themselves.
 */

/** @typedef {import("./messages.js").ResultItem} ResultItem */

const FRAME_BYTES = 1024 * 1024;
const FRAME_ITEMS = 4096;
/** A result's part in the head, without its log. */
const HEAD_BYTES = 48;
/** A character of a log takes at most so many bytes in JSON. */
const LOG_BYTES = 6;

/**
 * @typedef {{task: string, items: ResultItem[], parts: Uint8Array<ArrayBuffer>[]}} Frame
 * @typedef {{items: ResultItem[], data: Uint8Array<ArrayBuffer>}} Batch
 */

class Ledger {
  /** @type {Set<number>} leases without an acknowledged result */
  unfinished = new Set();
  /** @type {Set<number>} those of them that are computed */
  computed = new Set();
  /** @type {Batch[]} */
  waiting = [];
  /** @type {Frame | null} */
  underWay = null;
  /** @type {Set<number>} leases of the frame under way that are not acknowledged */
  open = new Set();
  sent = false;
}

export class Outbox {
  /** @type {Map<string, Ledger>} */
  #ledgers = new Map();

  /** @param {string} task */
  #ledger(task) {
    let ledger = this.#ledgers.get(task);
    if (!ledger) this.#ledgers.set(task, (ledger = new Ledger()));
    return ledger;
  }

  /** Leases to compute: given, not computed, not given back. */
  get uncomputed() {
    let count = 0;
    for (const { unfinished, computed } of this.#ledgers.values()) count += unfinished.size - computed.size;
    return count;
  }

  /**
   * Whether there are leases of a task to compute, or to be acknowledged.
   * @param {string} task
   */
  owes(task) {
    return (this.#ledgers.get(task)?.unfinished.size ?? 0) > 0;
  }

  /**
   * Whether a lease is to be computed.
   * @param {string} task
   * @param {number} lease
   */
  computes(task, lease) {
    const ledger = this.#ledgers.get(task);
    return ledger !== undefined && ledger.unfinished.has(lease) && !ledger.computed.has(lease);
  }

  /** Results without an acknowledgement. */
  get unacknowledged() {
    let count = 0;
    for (const { computed } of this.#ledgers.values()) count += computed.size;
    return count;
  }

  /**
   * Leases came in.
   * @param {string} task
   * @param {ReadonlyArray<readonly [lease: number, ...rest: unknown[]]>} items
   */
  give(task, items) {
    const { unfinished } = this.#ledger(task);
    for (const [lease] of items) unfinished.add(lease);
  }

  /**
   * Results for leases that were given; others are ignored.
   * @param {string} task
   * @param {ResultItem[]} items
   * @param {Uint8Array<ArrayBuffer>} data
   * @returns {number} how many count
   */
  add(task, items, data) {
    const ledger = this.#ledger(task);
    const unowed = items.filter(([lease]) => !ledger.unfinished.has(lease) || ledger.computed.has(lease));
    const owed = without({ items, data }, new Set(unowed.map(([lease]) => lease)));
    for (const [lease] of owed.items) ledger.computed.add(lease);
    if (owed.items.length > 0) ledger.waiting.push(owed);
    return owed.items.length;
  }

  /**
   * Frames that should be sent now: one for each task that has results and nothing under way. They count as sent.
   * @returns {Frame[]}
   */
  frames() {
    const frames = [];
    for (const [task, ledger] of this.#ledgers) {
      if (!ledger.underWay && ledger.waiting.length > 0) {
        ledger.underWay = gather(task, ledger.waiting);
        ledger.open = new Set(ledger.underWay.items.map(([lease]) => lease));
        ledger.sent = false;
      }
      if (ledger.underWay && !ledger.sent) {
        ledger.sent = true;
        frames.push(ledger.underWay);
      }
    }
    return frames;
  }

  /**
   * These leases are done with: their results are durable, or count for nothing.
   * @param {string} task
   * @param {number[]} leases
   * @returns {number} how many results were waiting for that
   */
  acknowledge(task, leases) {
    const ledger = this.#ledger(task);
    let count = 0;
    for (const lease of leases) {
      ledger.unfinished.delete(lease);
      ledger.open.delete(lease);
      if (ledger.computed.delete(lease)) count += 1;
    }
    this.#tidy(task, ledger);
    return count;
  }

  /**
   * Forget leases that are not computed: taken back by the distributor, or given back to it. What is computed is still told,
   * as it may be of use there.
   * @param {string} task
   * @param {number[]} leases
   */
  forget(task, leases) {
    const { computed } = this.#ledger(task);
    this.acknowledge(task, leases.filter((lease) => !computed.has(lease)));
  }

  /**
   * Forget all of a task, results too: nobody wants them any more.
   * @param {string} task
   */
  drop(task) {
    this.#ledgers.delete(task);
  }

  /** The connection was lost: what was under way is sent again on the next one. */
  disconnected() {
    for (const ledger of this.#ledgers.values()) ledger.sent = false;
  }

  /**
   * All unfinished leases by task, as `hello` tells them.
   * @returns {Record<string, number[]>}
   */
  holding() {
    const entries = [...this.#ledgers].filter(([, { unfinished }]) => unfinished.size > 0);
    return Object.fromEntries(entries.map(([task, { unfinished }]) => [task, [...unfinished]]));
  }

  /**
   * @param {string} task
   * @param {Ledger} ledger
   */
  #tidy(task, ledger) {
    if (ledger.open.size === 0) ledger.underWay = null;
    if (ledger.unfinished.size === 0 && !ledger.underWay && ledger.waiting.length === 0) this.#ledgers.delete(task);
  }
}

/**
 * The next frame of a task: as many results as fit, at least one.
 * @param {string} task
 * @param {Batch[]} waiting what is taken is removed from it
 * @returns {Frame}
 */
function gather(task, waiting) {
  /** @type {Frame} */
  const frame = { task, items: [], parts: [] };
  let bytes = 0;
  while (waiting.length > 0) {
    const batch = waiting[0];
    let count = 0;
    let end = 0;
    for (const [, , size, , log = ""] of batch.items) {
      const cost = size + HEAD_BYTES + LOG_BYTES * log.length;
      const first = frame.items.length + count === 0;
      if (!first && (bytes + cost > FRAME_BYTES || frame.items.length + count >= FRAME_ITEMS)) break;
      bytes += cost;
      end += size;
      count += 1;
    }
    frame.items.push(...batch.items.slice(0, count));
    frame.parts.push(batch.data.subarray(0, end));
    if (count < batch.items.length) {
      waiting[0] = { items: batch.items.slice(count), data: batch.data.subarray(end) };
      break;
    }
    waiting.shift();
  }
  return frame;
}

/**
 * @param {Batch} batch
 * @param {Set<number>} gone leases
 * @returns {Batch} the rest
 */
function without(batch, gone) {
  if (!batch.items.some(([lease]) => gone.has(lease))) return batch;
  const data = new Uint8Array(batch.data.byteLength);
  let from = 0;
  let end = 0;
  const items = batch.items.filter(([lease, , size]) => {
    const bytes = batch.data.subarray(from, (from += size));
    if (gone.has(lease)) return false;
    data.set(bytes, end);
    end += size;
    return true;
  });
  return { items, data: data.subarray(0, end) };
}
