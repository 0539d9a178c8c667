/**
 * The bundle inside the cell: takes the files as they come, compiles the WebAssembly module once, starts interpreters from them.
 */

import { BUNDLE_FILES, WORKER_SOURCE } from "./channels.js";

/** @typedef {import("./channels.js").ToWorker} ToWorker */

export class Runtime {
  /** @type {Map<string, any>} files of kits by name: packs are ArrayBuffers, shared data Blobs */
  #kept = new Map();
  /** @type {Map<string, PromiseWithResolvers<ArrayBuffer>>} */
  #files = new Map();
  /** @type {Map<string, Promise<string>>} */
  #urls = new Map();
  /** @type {Promise<WebAssembly.Module> | undefined} */
  #module;
  #hasSnapshot;

  /** @param {boolean} hasSnapshot whether this bundle has one */
  constructor(hasSnapshot) {
    this.#hasSnapshot = hasSnapshot;
  }

  /**
   * @param {string} name
   * @param {ArrayBuffer | Blob} bytes
   */
  take(name, bytes) {
    this.#kept.set(name, bytes);
    if (bytes instanceof ArrayBuffer) this.#slot(name).resolve(bytes);
    if (name === BUNDLE_FILES.wasm) this.#compiled().catch(() => {}); // whoever waits for it is told
  }

  /**
   * No task needs this file at present.
   * @param {string} name
   */
  forget(name) {
    this.#files.delete(name);
    this.#kept.delete(name);
  }

  /**
   * What a unit is opened with, by the names of a kit. Its files are here: they came before their task.
   * @param {import("./channels.js").CellKit} kit
   * @returns {{packs: ArrayBuffer[], data: Record<string, Blob>}}
   */
  kit({ packs, data }) {
    return {
      packs: packs.map((name) => this.#kept.get(name)),
      data: Object.fromEntries(Object.entries(data).map(([name, file]) => [name, this.#kept.get(file)])),
    };
  }

  /**
   * A worker on its way: it has been told to prepare; the files follow as they come.
   * @param {string} own a task's own snapshot; empty: the bundle's
   * @returns {Promise<{worker: Worker, boot: () => Promise<void>}>}
   */
  async start(own) {
    const worker = new Worker(await this.#url(WORKER_SOURCE));
    /** @param {ToWorker} message */
    const tell = (message) => worker.postMessage(message);
    const boot = async () => {
      const [pyodide, asm] = await Promise.all([this.#url(BUNDLE_FILES.pyodide), this.#url(BUNDLE_FILES.asm)]);
      tell({ type: "prepare", pyodide, asm });
      const snapshotNames = [own, this.#hasSnapshot ? BUNDLE_FILES.snapshot : ""].filter(Boolean);
      const [module, lock, ...snapshots] = await Promise.all([
        this.#compiled(),
        this.#slot(BUNDLE_FILES.lock).promise,
        ...snapshotNames.map((name) => this.#slot(name).promise),
      ]);
      tell({ type: "boot", module, lock, snapshots });
      tell({ type: "library", stdlib: await this.#slot(BUNDLE_FILES.stdlib).promise });
    };
    return { worker, boot };
  }

  /** @param {string} name */
  #slot(name) {
    let slot = this.#files.get(name);
    if (!slot) this.#files.set(name, (slot = withResolvers()));
    return slot;
  }

  /** @param {string} name */
  #url(name) {
    let url = this.#urls.get(name);
    if (!url) {
      url = this.#slot(name).promise.then((bytes) => URL.createObjectURL(new Blob([bytes], { type: "text/javascript" })));
      this.#urls.set(name, url);
    }
    return url;
  }

  #compiled() {
    this.#module ??= this.#slot(BUNDLE_FILES.wasm).promise.then((bytes) => WebAssembly.compile(bytes));
    return this.#module;
  }
}

/** @returns {PromiseWithResolvers<ArrayBuffer>} */
function withResolvers() {
  /** @type {any} */
  const slot = {};
  slot.promise = new Promise((resolve, reject) => Object.assign(slot, { resolve, reject }));
  return slot;
}
