/**
 * The cell's workers: gives them payloads, ends those that run over their time, finds the one payload that is to blame.
 */

import { DATA_FOLDER } from "./channels.js";
import { Interpreter } from "./interpreter.js";
import { FAILED } from "./messages.js";
import { TaskQueue } from "./queue.js";

/** @typedef {import("./queue.js").Entry} Entry */
/** @typedef {import("./interpreter.js").Unit} Unit */
/** @typedef {import("./channels.js").FromCell} FromCell */

/** Interpreters beyond those that compute: other tasks' that may go on soon, or a spare one. */
const EXTRA = 2;
/** A task's interpreter that had nothing to do for so long is ended, for its memory. */
const IDLE_MS = 30_000;
/** A task computes for so long before another that waits has its turn. */
const TURN_MS = 1000;
/** What is under way at a pause may end by itself in this time. */
const PAUSE_MS = 1000;
/** After a worker had to be ended, a spare one is kept ready for so long. */
const WARY_MS = 60_000;
/** So many interpreters in a row that never became ready mean that none will. */
const MAX_FAILED_BOOTS = 3;
const MAX_LOG_BYTES = 16_384;

class TaskRecord {
  queue = new TaskQueue();
  served = 0;
  turnSince = 0;

  /** @param {Unit} unit */
  constructor(unit) {
    this.unit = unit;
  }
}

export class Pool {
  /** @type {Map<string, TaskRecord>} */
  #tasks = new Map();
  /** @type {Set<Interpreter>} */
  #interpreters = new Set();
  #paused = false;
  #pausedAt = 0;
  #waryUntil = 0;
  /** @type {Unit | null} whose worker had to be ended last */
  #waryFor = null;
  #failedBoots = 0;
  #started = false;
  #size = 1;
  #share = 1;
  #looking = false;
  #runtime;
  #tell;

  /**
   * @param {import("./runtime.js").Runtime} runtime
   * @param {(message: FromCell, transfer?: Transferable[]) => void} tell the bridge
   */
  constructor(runtime, tell) {
    this.#runtime = runtime;
    this.#tell = tell;
    this.#boot(""); // the first one, while the files are still coming
  }

  /**
   * @param {number} workers interpreters that compute at the same time
   * @param {number} share of each one's time
   */
  start(workers, share) {
    this.#size = workers;
    this.#share = share;
    this.#feed();
  }

  /** @param {boolean} on whether somebody looks at pictures of results */
  look(on) {
    this.#looking = on;
    for (const interpreter of this.#interpreters) interpreter.look(on);
  }

  /** @param {number} share of each worker's time to compute, from now on */
  pace(share) {
    this.#share = share;
    for (const interpreter of this.#interpreters) interpreter.pace(share);
  }

  /** @param {import("./channels.js").GiveTask} message */
  addTask({ task, filename, timeout, maxResultBytes, source, params, kit }) {
    const files = Object.fromEntries(Object.keys(kit.data).map((name) => [name, `${DATA_FOLDER}/${name}`]));
    const limits = { max_result_bytes: maxResultBytes, max_log_bytes: MAX_LOG_BYTES };
    const info = { task, filename, params: base64(params), module: kit.module, files, ...limits };
    this.#tasks.set(task, new TaskRecord({ task, timeout, maxResultBytes, source, info: JSON.stringify(info), kit }));
  }

  /** @param {import("./channels.js").GiveWork} message */
  addWork({ task, items, data }) {
    const record = this.#tasks.get(task);
    if (!record) return this.#tell({ type: "returned", task, leases: items.map(([lease]) => lease) });
    record.queue.add(items, data);
    this.#feed();
  }

  /** @param {import("./channels.js").TakeBack} message */
  revoke({ task, leases }) {
    const gone = leases.length > 0 ? new Set(leases) : null;
    this.#tasks.get(task)?.queue.drop(gone);
    for (const interpreter of this.#bound(task)) {
      if (interpreter.computing && interpreter.slices.flat().every(({ lease }) => !gone || gone.has(lease))) {
        this.#end(interpreter);
      }
    }
    this.#feed();
  }

  /** Stop computing, within a second, and give everything back. */
  pause() {
    this.#paused = true;
    this.#pausedAt = performance.now();
    for (const [task, { queue }] of this.#tasks) this.#giveBack(task, queue.drop(null));
    for (const interpreter of this.#interpreters) if (interpreter.computing) interpreter.hold();
  }

  resume() {
    this.#paused = false;
    this.#feed();
  }

  /** To be called a few times a second: time limits, idle interpreters. */
  watch() {
    const now = performance.now();
    for (const interpreter of this.#interpreters) {
      if (interpreter.overtime(now)) this.#tooLong(interpreter);
      else if (this.#paused && interpreter.computing && now - this.#pausedAt > PAUSE_MS) this.#interrupt(interpreter);
      else if (interpreter.task && !interpreter.computing && now - interpreter.since > IDLE_MS) this.#end(interpreter);
    }
    this.#feed();
  }

  // ---- what interpreters say ------------------------------------------------------------------

  /** @param {number} ms @param {string} plain */
  onReady(ms, plain) {
    this.#failedBoots = 0;
    this.#started = true;
    if (plain) this.#tell({ type: "log", message: plain });
    this.#tell({ type: "ready", ms });
    this.#feed();
  }

  onOpened = (/** @type {number} */ ms) => this.#tell({ type: "opened", ms });

  /**
   * @param {Interpreter} interpreter
   * @param {import("./messages.js").ResultItem[]} items
   * @param {Uint8Array<ArrayBuffer>} data
   * @param {number} ms
   * @param {number} memory
   */
  onResults(interpreter, items, data, ms, memory) {
    const { task } = interpreter;
    this.#tasks.get(task)?.queue.observe(items.length, ms);
    this.#feed(); // first, so that the worker goes on
    this.#tell({ type: "results", task, items, data, ms, memory }, [data.buffer]);
  }

  /**
   * @param {Interpreter} interpreter
   * @param {number} lease
   * @param {Uint8Array<ArrayBuffer>} data stays here too: the next worker may have to go on from it
   */
  onCheckpoint({ task }, lease, data) {
    this.#tell({ type: "checkpoint", task, lease, data });
  }

  /**
   * @param {Interpreter} interpreter
   * @param {number} lease
   * @param {Uint8Array<ArrayBuffer>} data
   */
  onEvent({ task }, lease, data) {
    this.#tell({ type: "event", task, lease, data });
  }

  /**
   * @param {Interpreter} interpreter
   * @param {Entry[]} entries
   */
  onReturned(interpreter, entries) {
    if (this.#paused) this.#giveBack(interpreter.task, entries.map(({ lease }) => lease));
    else this.#tasks.get(interpreter.task)?.queue.putBack(entries); // resumed in the meantime
    this.#feed();
  }

  /**
   * @param {Interpreter} interpreter
   * @param {string} reason
   */
  onCrash(interpreter, reason) {
    if (interpreter.state === "booting") {
      this.#end(interpreter);
      this.#failedBoots += 1;
      if (this.#failedBoots >= MAX_FAILED_BOOTS) return this.#tell({ type: "failed", message: reason });
      this.#boot("");
    } else {
      this.#blame(interpreter, "crash", reason);
      this.#feed();
    }
  }

  /**
   * @param {Interpreter} interpreter
   * @param {unknown} data
   */
  onPicture({ task }, data) {
    if (this.#looking) this.#tell({ type: "picture", task, data });
  }

  // ---- who gets what --------------------------------------------------------------------------

  #feed() {
    if (this.#paused) return;
    const now = performance.now();
    this.#topUp(now);
    let record = this.#next();
    for (; record && this.#running() < this.#size; record = this.#next()) {
      const interpreter = this.#idle(record.unit.task) ?? this.#fresh(record.unit);
      if (!interpreter) {
        this.#makeRoom(record.unit);
        break;
      }
      if (!interpreter.task) {
        interpreter.open(record.unit, this.#share);
        interpreter.look(this.#looking);
      }
      record.served = record.turnSince = now;
      this.#give(interpreter, record, now);
    }
    // The first one has the machine for itself until it is ready: the first result comes sooner.
    while (this.#interpreters.size < this.#size && this.#started) this.#boot("");
    const waits = record !== undefined && this.#bound(record.unit.task).length === 0;
    const next = waits ? record?.unit : now < this.#waryUntil ? this.#waryFor : null;
    if (next && !this.#fresh(next) && !this.#booting()) this.#makeRoom(next);
  }

  /**
   * Keep the workers of tasks whose turn it is well supplied.
   * @param {number} now
   */
  #topUp(now) {
    for (const interpreter of this.#interpreters) {
      const record = this.#tasks.get(interpreter.task);
      if (!record || !interpreter.computing || interpreter.careful) continue;
      const others = [...this.#tasks.values()].some((other) => other !== record && !other.queue.empty);
      if (others && now - record.turnSince > TURN_MS) continue;
      this.#give(interpreter, record, now);
    }
  }

  /**
   * @param {Interpreter} interpreter
   * @param {TaskRecord} record
   * @param {number} now
   */
  #give(interpreter, { queue }, now) {
    const suspect = interpreter.computing ? undefined : queue.suspects.shift();
    interpreter.careful = suspect !== undefined;
    const entries = suspect ? [suspect] : queue.take(interpreter.held, this.#size);
    if (entries.length > 0) interpreter.give(entries, interpreter.careful, now);
  }

  /** The task that has waited longest among those with something to compute. */
  #next() {
    let next;
    for (const record of this.#tasks.values()) {
      if (!record.queue.empty && (!next || record.served < next.served)) next = record;
    }
    return next;
  }

  /** @param {string} task */
  #idle(task) {
    return this.#bound(task).find(({ state, computing }) => state === "open" && !computing);
  }

  /**
   * An interpreter without a task that started from what this unit starts from.
   * @param {Unit} unit
   */
  #fresh({ kit }) {
    return [...this.#interpreters].find(({ state, snapshot }) => state === "ready" && snapshot === kit.snapshot);
  }

  #running() {
    return [...this.#interpreters].filter(({ computing }) => computing).length;
  }

  #booting() {
    return [...this.#interpreters].filter(({ state }) => state === "booting").length;
  }

  /** @param {string} task */
  #bound(task) {
    return [...this.#interpreters].filter((interpreter) => interpreter.task === task);
  }

  /**
   * Boot another interpreter, if need be in the place of one that is idle.
   * @param {Unit} unit for whose sake; its own interpreters stay
   */
  #makeRoom({ task, kit: { snapshot } }) {
    if (this.#booting() >= Math.max(1, this.#size - this.#running())) return;
    if (this.#interpreters.size >= this.#size + EXTRA) {
      const idle = [...this.#interpreters].filter((one) =>
        one.state === "open" ? !one.computing && one.task !== task : one.state === "ready" && one.snapshot !== snapshot,
      );
      if (idle.length === 0) return;
      this.#end(idle.reduce((oldest, one) => (one.since < oldest.since ? one : oldest)));
    }
    this.#boot(snapshot);
  }

  /** @param {string} snapshot a task's own; empty: the bundle's */
  #boot(snapshot) {
    this.#interpreters.add(new Interpreter(this.#runtime, this, performance.now(), snapshot));
  }

  /** @param {Interpreter} interpreter */
  #end(interpreter) {
    this.#interpreters.delete(interpreter);
    return interpreter.end();
  }

  // ---- when something goes wrong --------------------------------------------------------------

  /** @param {Interpreter} interpreter */
  #tooLong(interpreter) {
    if (interpreter.state === "booting") this.onCrash(interpreter, "the interpreter did not start in time");
    else this.#blame(interpreter, "timeout", "");
  }

  /**
   * End an interpreter for what one of its payloads did. If it is clear which one, that one has failed; if not, those in
   * question are computed again one by one, and the others as if nothing had been.
   * @param {Interpreter} interpreter
   * @param {"timeout" | "crash"} kind
   * @param {string} reason
   */
  #blame(interpreter, kind, reason) {
    const { task, unit, since } = interpreter;
    const [questionable = [], ...untouched] = this.#end(interpreter);
    const now = performance.now();
    this.#waryUntil = now + WARY_MS;
    this.#waryFor = unit;
    const record = this.#tasks.get(task);
    if (!record || !unit) return;
    record.queue.putBack(untouched.flat());
    if (questionable.length !== 1) {
      record.queue.suspects.push(...questionable);
      return;
    }
    const message =
      kind === "timeout"
        ? `the payload took longer than ${unit.timeout} s, which is the time limit of this task`
        : `the interpreter ended while it computed this payload: ${reason}`;
    const data = new TextEncoder().encode(JSON.stringify({ kind, message: message.slice(0, 2000), traceback: "" }));
    const ms = Math.max(0, now - since);
    const [{ lease }] = questionable;
    this.#tell({ type: "results", task, items: [[lease, FAILED, data.byteLength, ms]], data, ms, memory: 0 }, [data.buffer]);
  }

  /**
   * End an interpreter that does not come to an end by itself during a pause.
   * @param {Interpreter} interpreter
   */
  #interrupt(interpreter) {
    const left = this.#end(interpreter).flat();
    this.#giveBack(interpreter.task, left.map(({ lease }) => lease));
  }

  /**
   * @param {string} task
   * @param {number[]} leases
   */
  #giveBack(task, leases) {
    if (leases.length > 0) this.#tell({ type: "returned", task, leases });
  }
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return btoa(text);
}
