/**
 * One visit: takes leases from the distributor, has the cell compute them, sends back results until they are acknowledged.
 */

import { Connection } from "./connection.js";
import { Credit } from "./credit.js";
import { Kits } from "./kits.js";
import { PROTOCOL_VERSION } from "./messages.js";
import { Outbox } from "./outbox.js";

/** @typedef {import("./channels.js").FromCell} FromCell */
/** @typedef {import("./channels.js").ToCell} ToCell */
/** @typedef {import("./messages.js").FromDistributor} FromDistributor */

/**
 * A task that the distributor has described. `given`: whether the cell has it, once that is known; null: it was forgotten.
 * @typedef {{message: import("./messages.js").Task, params: Uint8Array<ArrayBuffer>, given: Promise<boolean> | null}} Described
 */

/**
 * @typedef {object} Visit
 * @property {import("./cluster.js").Cluster} cluster
 * @property {string} site the host whose page this is
 * @property {import("./messages.js").Agent} agent
 * @property {number} workers
 * @property {string[]} tasks names of the only tasks to compute; none: any
 * @property {string} [key] of an operator's own volunteer
 * @property {(sha256: string, way?: {size?: number, onBytes?: (bytes: number) => void}) => Promise<ArrayBuffer>} fetchFile checked
 * @property {Promise<string>} bundle the id of the bundle that interpreters here start from
 * @property {(message: ToCell, transfer?: Transferable[]) => void} tellCell
 * @property {() => void} onChange something that a status shows has changed
 * @property {typeof WebSocket} [WebSocket]
 */

export class Volunteer {
  /** The distributor can be reached. */
  connected = false;
  paused = false;
  /** Why it ended; empty: it has not. */
  ended = "";
  /** The same as a word of the panel's. @type {import("./channels.js").FailReason | ""} */
  failure = "";
  /**
   * What is computed just now.
   * @type {import("./messages.js").Task | null}
   */
  task = null;
  computed = 0;
  failed = 0;
  acknowledged = 0;
  /** Computing time given. */
  seconds = 0;
  /** The most bytes that an interpreter has had. */
  memory = 0;

  #outbox = new Outbox();
  /** @type {Map<string, Described>} the one with the latest work last */
  #tasks = new Map();
  /**
   * Work is posted after its task, whose files are fetched: everything for the cell goes through here, in order for each task.
   * @type {Map<string, Promise<void>>}
   */
  #order = new Map();
  /** Leases whose task's files are on their way. */
  #waiting = 0;
  #ready = false;
  #secret = newSecret();
  #credit;
  #connection;
  #visit;
  #kits;

  /** @param {Visit} visit */
  constructor(visit) {
    this.#visit = visit;
    this.#kits = new Kits({ ...visit, onChange: () => visit.onChange() });
    this.#credit = new Credit(visit.workers);
    this.#connection = new Connection(
      visit.cluster,
      {
        hello: () => this.#hello(),
        onWelcome: () => this.#welcome(),
        onMessage: (message, data) => this.#receive(message, data),
        onLost: () => this.#lost(),
        onEnd: (message) => this.fail("refused", message),
      },
      visit.WebSocket,
    );
  }

  /** Leases that are not computed yet. */
  get uncomputed() {
    return this.#outbox.uncomputed;
  }

  /** What a task needs and has to be waited for, as nothing else can be computed; null: there is none. */
  get awaited() {
    const { tally } = this.#kits;
    return tally.wanted === 0 || this.#outbox.uncomputed > this.#waiting ? null : tally;
  }

  /** Connect, or try again at once. */
  connect() {
    this.#connection.connect();
  }

  /** The cell has, or will soon have, what it needs to compute. */
  ready() {
    this.#ready = true;
    this.#flush();
  }

  pause() {
    this.paused = true;
    this.#visit.tellCell({ type: "pause" });
    this.#flush();
    this.#visit.onChange();
  }

  resume() {
    this.paused = false;
    this.#visit.tellCell({ type: "resume" });
    this.#flush();
    this.#visit.onChange();
  }

  /**
   * Go on with another distributor of the cluster.
   * @param {string} origin
   */
  move(origin) {
    this.connected = false;
    this.#connection.move(origin);
  }

  /** The visit is over, and whoever it goes on with is another volunteer. */
  close() {
    this.connected = false;
    this.#connection.close();
    this.#visit.onChange();
  }

  /**
   * This visit cannot go on.
   * @param {import("./channels.js").FailReason} reason
   * @param {string} message more of it, in English
   */
  fail(reason, message) {
    this.failure = reason;
    this.ended = message;
    this.#connection.close();
    this.#visit.tellCell({ type: "pause" });
    this.#visit.onChange();
  }

  /** @param {FromCell} message */
  fromCell(message) {
    switch (message.type) {
      case "results": {
        const count = this.#outbox.add(message.task, message.items, message.data);
        this.#credit.computed(message.items.length, message.ms);
        this.computed += count;
        this.seconds += message.ms / 1000;
        this.memory = Math.max(this.memory, message.memory);
        this.failed += message.items.filter(([, outcome]) => outcome === 1).length;
        break;
      }
      case "checkpoint":
      case "event": {
        const { type, task, lease, data } = message;
        if (this.#outbox.computes(task, lease)) this.#connection.send({ type, task, lease, size: data.byteLength }, [data]);
        return; // nothing that is shown, or counted, has changed
      }
      case "returned":
        this.#outbox.forget(message.task, message.leases);
        this.#connection.send({ type: "return", task: message.task, leases: message.leases });
        break;
      case "failed":
        return this.fail("boot", message.message);
      case "log":
        console.info(`disio: ${message.message}`);
        break;
      case "ready":
      case "opened":
      case "picture":
        break; // the bridge's
    }
    this.#flush();
    this.#visit.onChange();
  }

  #hello() {
    const { site, agent, workers, tasks, key } = this.#visit;
    const holding = this.#outbox.holding();
    const hello = /** @type {const} */ ({ type: "hello", protocol: PROTOCOL_VERSION, secret: this.#secret });
    return { ...hello, site, agent, workers, holding, tasks, ...(key ? { key } : {}) };
  }

  #welcome() {
    this.connected = true;
    this.#outbox.disconnected();
    this.#credit.disconnected();
    this.#flush();
    this.#visit.onChange();
  }

  #lost() {
    this.connected = false;
    this.#visit.onChange();
  }

  /**
   * @param {FromDistributor} message
   * @param {Uint8Array<ArrayBuffer>} data
   */
  #receive(message, data) {
    switch (message.type) {
      case "task":
        this.#takeTask(message, data);
        break;
      case "work":
        this.#outbox.give(message.task, message.items);
        this.#credit.received(message.items.length, data.byteLength);
        this.#inOrder(message.task, () => this.#work(message, data));
        break;
      case "ack": {
        const rejected = Object.entries(message.rejected ?? {});
        for (const [lease, reason] of rejected) console.info(`disio: result ${lease} does not count: ${reason}`);
        this.acknowledged += this.#outbox.acknowledge(message.task, message.leases);
        this.#outbox.acknowledge(message.task, rejected.map(([lease]) => Number(lease)));
        break;
      }
      case "revoke": {
        const { task, leases = [] } = message;
        if (leases.length > 0) this.#outbox.forget(task, leases);
        else this.#outbox.drop(task);
        this.#inOrder(task, () => this.#visit.tellCell({ type: "revoke", task, leases }));
        break;
      }
    }
    this.#flush();
    this.#visit.onChange();
  }

  /**
   * @param {import("./messages.js").Task} message
   * @param {Uint8Array<ArrayBuffer>} params
   */
  #takeTask(message, params) {
    if (this.#tasks.has(message.task)) return; // told again after a reconnect
    this.#tasks.set(message.task, { message, params, given: this.#give(message, params) });
    this.#inOrder(message.task, async () => {
      await this.#given(message.task);
    });
  }

  /**
   * The task, when the cell has it.
   * @param {string} task
   * @returns {Promise<Described | null>} null: its files did not come
   */
  async #given(task) {
    const described = this.#tasks.get(task);
    if (!described) return null;
    described.given ??= this.#give(described.message, described.params);
    if (await described.given) return described;
    // Its leases go to others when this connection ends, and the task is told again on the next one.
    this.#tasks.delete(task);
    this.#connection.restart();
    return null;
  }

  /**
   * Fetch what a task needs, and give it to the cell. It begins at once, whatever else is on its way.
   * @param {import("./messages.js").Task} message
   * @param {Uint8Array<ArrayBuffer>} params
   * @returns {Promise<boolean>} whether it is there
   */
  async #give(message, params) {
    const { task, filename, timeout, max_result_bytes: maxResultBytes, unit } = message;
    const loading = this.#kits.load(message.kit ?? {});
    try {
      const [bytes, kit] = await Promise.all([this.#visit.fetchFile(unit), loading]);
      const source = new TextDecoder().decode(bytes);
      this.#visit.tellCell({ type: "task", task, filename, timeout, maxResultBytes, source, params, kit });
      return true;
    } catch (error) {
      loading.then(() => this.#kits.release(message.kit ?? {}), () => {});
      console.warn(`disio: the files of ${task} did not come: ${error}`);
      return false;
    }
  }

  /**
   * @param {import("./messages.js").Work} message
   * @param {Uint8Array<ArrayBuffer>} data
   */
  async #work({ task, items }, data) {
    this.#waiting += items.length;
    const described = await this.#given(task);
    this.#waiting -= items.length;
    if (!described) return;
    this.#tasks.delete(task);
    this.#tasks.set(task, described); // the latest last
    this.#visit.tellCell({ type: "work", task, items, data }, [data.buffer]);
    this.task = described.message;
    this.#makeRoom();
  }

  /** Have the cell forget kits of tasks that have not had work for long; they are fetched again (from the cache) if it comes. */
  #makeRoom() {
    for (const [task, described] of this.#tasks) {
      if (!this.#kits.crowded) return;
      if (!described.given || this.#outbox.owes(task)) continue;
      this.#visit.tellCell({ type: "revoke", task, leases: [] });
      this.#kits.release(described.message.kit ?? {});
      described.given = null;
    }
  }

  /**
   * @param {string} task
   * @param {() => void | Promise<void>} action
   */
  #inOrder(task, action) {
    const before = this.#order.get(task) ?? Promise.resolve();
    const after = before.then(action).catch((error) => this.fail("broken", String(error)));
    this.#order.set(task, after);
  }

  /** Send what can be sent now. */
  #flush() {
    if (!this.#connection.open) return;
    for (const { task, items, parts } of this.#outbox.frames()) this.#connection.send({ type: "results", task, items }, parts);
    const window = this.#credit.change(this.#ready && !this.paused);
    if (window !== null) this.#connection.send({ type: "credit", window });
  }
}

/** The secret of one visit: 16 random bytes in hexadecimal. */
function newSecret() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
