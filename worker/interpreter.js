/**
 * One worker as its pool sees it: boots, is bound to one task, holds slices of payloads, and is ended when it must be.
 */

import { DATA_FOLDER } from "./channels.js";
import { EVENTS_A_SECOND, MAX_EVENT_BYTES, MAX_STATE_BYTES } from "./messages.js";
import { AnswerError, joinResults, sliceOf } from "./queue.js";

/** @typedef {import("./queue.js").Entry} Entry */
/** @typedef {import("./channels.js").FromWorker} FromWorker */

/** Seconds after which a step ends and its results are told. */
const STEP_SECONDS = 0.05;
/** What messages may take on their way before a time limit counts as passed. */
const SLACK_MS = 250;
/** Running a unit's module, with its imports, may take so long even if one payload may not. */
const OPENING_MS = 30_000;
/** Starting, with all files at hand, may take so long on the slowest machine. */
const BOOT_MS = 60_000;
/** States come no more often than this, a little less than what the runner keeps to. */
const CHECKPOINT_MS = 800;
/** Pictures that come sooner after the last one are not passed on. */
const PICTURE_MS = 1000;
/** No step takes longer, and no interpreter has more: what says otherwise is a unit that speaks for its worker. */
const MAX_MS = 1e9;
const MAX_MEMORY_BYTES = 2 ** 32;
/** A clock that jumps ahead by more was asleep with its machine, or its tab was. */
const ASLEEP_MS = 5000;

/**
 * @typedef {object} Owner
 * @property {(ms: number, plain: string) => void} onReady it took so long; why the snapshot was not used, or nothing
 * @property {(ms: number) => void} onOpened its unit's packages and module are there; that took so long
 * @property {(interpreter: Interpreter, items: import("./messages.js").ResultItem[], data: Uint8Array<ArrayBuffer>,
 *   ms: number, memory: number) => void} onResults
 * @property {(interpreter: Interpreter, lease: number, state: Uint8Array<ArrayBuffer>) => void} onCheckpoint
 * @property {(interpreter: Interpreter, lease: number, event: Uint8Array<ArrayBuffer>) => void} onEvent
 * @property {(interpreter: Interpreter, entries: Entry[]) => void} onReturned payloads that it did not begin
 * @property {(interpreter: Interpreter, data: unknown) => void} onPicture of a result, unchecked
 * @property {(interpreter: Interpreter, reason: string) => void} onCrash it has been ended
 */

/**
 * @typedef {object} Unit
 * @property {string} task
 * @property {number} timeout seconds for one payload
 * @property {number} maxResultBytes
 * @property {string} source
 * @property {string} info for the runner
 * @property {import("./channels.js").CellKit} kit
 */

export class Interpreter {
  /** @type {"booting" | "ready" | "open" | "ended"} */
  state = "booting";
  /** @type {Unit | null} */
  unit = null;
  /**
   * What it was given and has not answered; the first slice is the one being computed.
   * @type {Entry[][]}
   */
  slices = [];
  /** The one payload that it computes may have brought a worker down before. */
  careful = false;
  /** The part of its time that it computes; it rests for the other. */
  share = 1;
  /** When it was last given something to do while idle, or finished a step. */
  since;
  #started = 0;
  #hasFiles = false;
  /** The address that the worker takes as a sign that it is wanted. */
  #alive = "";
  #opening = false;
  #openingSince = 0;
  #late = 0;
  /** When it last kept a state. */
  #kept = 0;
  /** Events that may be told now, and when the last one came. */
  #events = 4 * EVENTS_A_SECOND;
  #told = 0;
  #forgiven = false;
  #lastWatched = 0;
  #pictured = 0;
  /** @type {Worker | undefined} */
  #worker;
  #owner;
  #runtime;

  /**
   * @param {import("./runtime.js").Runtime} runtime
   * @param {Owner} owner
   * @param {number} now milliseconds
   * @param {string} snapshot a task's own, to start from; empty: the bundle's
   */
  constructor(runtime, owner, now, snapshot) {
    this.#runtime = runtime;
    this.snapshot = snapshot;
    this.#owner = owner;
    this.since = now;
    this.#boot().catch((error) => this.#crash(String(error)));
  }

  async #boot() {
    const { worker, boot } = await this.#runtime.start(this.snapshot);
    if (this.state === "ended") return worker.terminate();
    this.#worker = worker;
    this.#started = performance.now();
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      // Later on, it is a callback or a worker that a unit left behind: what we run there reports for itself.
      if (this.state === "booting") this.#crash(event.message || "its script failed");
    };
    worker.onmessageerror = () => this.#crash("it said something unreadable");
    await boot();
    this.since = performance.now();
    this.#hasFiles = true;
  }

  /** The task it is bound to; empty: none yet. */
  get task() {
    return this.unit?.task ?? "";
  }

  /** Payloads that it holds. */
  get held() {
    return this.slices.reduce((sum, slice) => sum + slice.length, 0);
  }

  get computing() {
    return this.slices.length > 0;
  }

  /**
   * Bind it to a task, for good.
   * @param {Unit} unit
   * @param {number} share
   */
  open(unit, share) {
    this.unit = unit;
    this.state = "open";
    this.share = share;
    this.#opening = true;
    this.#openingSince = performance.now();
    const { source, info, kit } = unit;
    this.#alive = URL.createObjectURL(new Blob([], { type: "text/javascript" }));
    this.#tell({ type: "open", source, info, share, alive: this.#alive, folder: DATA_FOLDER, ...this.#runtime.kit(kit) });
  }

  /** @param {boolean} on whether somebody looks at pictures */
  look(on) {
    this.#tell({ type: "look", on });
  }

  /** @param {number} share */
  pace(share) {
    this.share = share;
    this.#tell({ type: "pace", share });
  }

  /**
   * @param {Entry[]} entries
   * @param {boolean} alone its result is told at once, for itself
   * @param {number} now
   */
  give(entries, alone, now) {
    if (!this.computing) this.#progress(Math.max(now, this.since)); // it may still rest
    this.slices.push(entries);
    const { items, data } = sliceOf(entries);
    this.#tell({ type: "slice", items, data, budget: alone ? 0 : STEP_SECONDS }, [data.buffer]);
  }

  /** Have it give back what it has not begun; `onReturned` follows. */
  hold() {
    this.#tell({ type: "hold" });
  }

  /**
   * Whether a payload, or its own start, takes longer than it may. To be asked a few times a second.
   * @param {number} now
   * @returns {boolean}
   */
  overtime(now) {
    const slept = now - this.#lastWatched > ASLEEP_MS;
    this.#lastWatched = now;
    if (slept && !this.#forgiven) {
      this.since = now;
      this.#forgiven = true;
    }
    const limit = this.#limit();
    if (limit === 0 || now - this.since < limit) return false;
    this.#late += 1; // what it said may be waiting behind the timer that asks: only the second time counts
    return this.#late > 1;
  }

  /** Milliseconds that what it does now may take; 0: it does nothing, or waits for files. */
  #limit() {
    if (this.state === "booting") return this.#hasFiles ? BOOT_MS : 0;
    if (!this.computing || !this.unit) return 0;
    const payload = (this.unit.timeout + STEP_SECONDS) * 1000 + SLACK_MS;
    return this.#opening ? Math.max(payload, OPENING_MS) : payload;
  }

  /**
   * End it.
   * @returns {Entry[][]} the slices that it leaves behind
   */
  end() {
    this.state = "ended";
    URL.revokeObjectURL(this.#alive);
    this.#worker?.terminate();
    const left = this.slices;
    this.slices = [];
    return left;
  }

  /**
   * How long it may rest now, by its share; that does not count against a time limit.
   * @param {number} now
   */
  #rest(now) {
    return Math.max(0, now - this.since) * (1 / this.share - 1);
  }

  /** @param {number} now when it goes on, or went on */
  #progress(now) {
    this.since = now;
    this.#late = 0;
    this.#forgiven = false;
  }

  /** @param {string} reason */
  #crash(reason) {
    if (this.state === "ended") return;
    this.#owner.onCrash(this, reason);
  }

  /** @param {FromWorker} message */
  #receive(message) {
    if (this.state === "ended") return;
    const now = performance.now();
    try {
      switch (message.type) {
        case "ready":
          if (this.state !== "booting") break;
          this.state = "ready";
          this.#owner.onReady(now - this.#started - message.idle, message.plain);
          break;
        case "opened":
          if (!this.#opening) break; // a unit that says it again would never be late
          this.#opening = false;
          this.#owner.onOpened(now - this.#openingSince);
          this.#progress(now + this.#rest(now));
          break;
        case "results":
          this.#results(message, now);
          break;
        case "checkpoint":
          this.#checkpoint(message, now);
          break;
        case "event":
          this.#event(message, now);
          break;
        case "held":
          this.#owner.onReturned(this, this.slices.splice(this.slices.length - message.slices).flat());
          break;
        case "picture":
          if (now - this.#pictured < PICTURE_MS) break;
          this.#pictured = now;
          this.#owner.onPicture(this, message.data);
          break;
        case "fatal":
          this.#crash(message.message);
          break;
      }
    } catch (error) {
      this.#crash(error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * @param {import("./channels.js").StepResults} message
   * @param {number} now
   */
  #results({ items, data, ms, memory }, now) {
    const slice = this.slices[0] ?? [];
    const results = joinResults(items, data, slice, this.unit?.maxResultBytes ?? 0);
    if (!(ms >= 0 && ms <= MAX_MS)) throw new AnswerError("its computing time is none");
    if (results.length === slice.length) this.slices.shift();
    else this.slices[0] = slice.slice(results.length);
    this.#progress(now + this.#rest(now));
    const bytes = memory >= 0 && memory <= MAX_MEMORY_BYTES ? Number(memory) : 0;
    this.#owner.onResults(this, results, data, Number(ms), bytes);
  }

  /**
   * Of what it computes, and not too often; everything else is passed over.
   * @param {import("./channels.js").Kept} message
   * @param {number} now
   */
  #checkpoint({ index, data }, now) {
    const entry = this.slices[0]?.find((one) => one.index === index);
    const sized = data instanceof Uint8Array && data.byteLength > 0 && data.buffer.byteLength <= MAX_STATE_BYTES;
    if (!entry || !sized || now - this.#kept < CHECKPOINT_MS) return;
    this.#kept = now;
    entry.state = data;
    this.#owner.onCheckpoint(this, entry.lease, data);
  }

  /**
   * Of what it computes, and not too often; everything else is passed over.
   * @param {import("./channels.js").Told} message
   * @param {number} now
   */
  #event({ index, data }, now) {
    const entry = this.slices[0]?.find((one) => one.index === index);
    const sized = data instanceof Uint8Array && data.byteLength > 0 && data.byteLength <= MAX_EVENT_BYTES;
    this.#events = Math.min(4 * EVENTS_A_SECOND, this.#events + ((now - this.#told) * EVENTS_A_SECOND) / 1000);
    this.#told = now;
    if (!entry || !sized || this.#events < 1) return;
    this.#events -= 1;
    this.#owner.onEvent(this, entry.lease, data);
  }

  /**
   * @param {import("./channels.js").ToWorker} message
   * @param {Transferable[]} [transfer]
   */
  #tell(message, transfer = []) {
    this.#worker?.postMessage(message, transfer);
  }
}
