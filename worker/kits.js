/**
 * What tasks need beside their units' sources: fetches packages, snapshots and shared data, and gives them to the cell, each
 * file once.
 */

import { Tally } from "./tally.js";

/** @typedef {import("./messages.js").Kit} Kit */
/** @typedef {import("./messages.js").FileRef} FileRef */
/** @typedef {import("./channels.js").CellKit} CellKit */

/** So much the cell is given before files that no present task needs are taken back. */
const ROOM_BYTES = 768 * 1024 * 1024;

/**
 * @typedef {object} Sources
 * @property {(sha256: string, way?: {size?: number, onBytes?: (bytes: number) => void}) => Promise<ArrayBuffer>} fetchFile checked
 * @property {(message: import("./channels.js").ToCell, transfer?: Transferable[]) => void} tellCell
 * @property {Promise<string>} bundle the id of the bundle that interpreters here start from
 * @property {() => void} onChange more has come
 */

export class Kits {
  /** Files that are on their way. */
  tally = new Tally();
  /** @type {Map<string, {size: number, uses: number, given: Promise<void>}>} what the cell has, or will soon have */
  #files = new Map();
  #sources;

  /** @param {Sources} sources */
  constructor(sources) {
    this.#sources = sources;
    this.tally.onChange = sources.onChange;
  }

  /** Whether files should be taken back. */
  get crowded() {
    let bytes = 0;
    for (const { size, uses } of this.#files.values()) bytes += uses > 0 ? size : 0;
    return bytes > ROOM_BYTES;
  }

  /**
   * Resolves when the cell has everything.
   * @param {Kit} kit
   * @returns {Promise<CellKit>} by what names it has it
   */
  async load({ packs = [], snapshot, data = {}, module = "" }) {
    const files = packs.map((pack) => this.#give(pack, false));
    for (const file of Object.values(data)) files.push(this.#give(file, true));
    // A snapshot is the memory of an interpreter of one bundle: with another, packages are imported anew.
    const fits = snapshot && snapshot.bundle === (await this.#sources.bundle);
    if (fits) files.push(this.#give(snapshot, false));
    try {
      await Promise.all(files);
    } catch (error) {
      this.release({ packs, snapshot, data });
      throw error;
    }
    return {
      packs: packs.map(({ sha256 }) => sha256),
      snapshot: fits ? snapshot.sha256 : "",
      data: Object.fromEntries(Object.entries(data).map(([name, { sha256 }]) => [name, sha256])),
      module,
    };
  }

  /**
   * A task does not need its kit any more, for now.
   * @param {Kit} kit
   */
  release({ packs = [], snapshot, data = {} }) {
    const names = [];
    for (const { sha256 } of [...packs, ...Object.values(data), ...(snapshot ? [snapshot] : [])]) {
      const file = this.#files.get(sha256);
      if (!file) continue;
      file.uses -= 1;
      if (file.uses > 0) continue;
      this.#files.delete(sha256);
      names.push(sha256);
    }
    if (names.length > 0) this.#sources.tellCell({ type: "forget", names });
  }

  /**
   * @param {FileRef} file
   * @param {boolean} isData large, perhaps, and read here and there: it goes as a Blob, which the browser may keep on disk
   */
  #give({ sha256, size }, isData) {
    let file = this.#files.get(sha256);
    if (!file) this.#files.set(sha256, (file = { size, uses: 0, given: this.#fetch(sha256, size, isData) }));
    file.uses += 1;
    return file.given;
  }

  /**
   * @param {string} sha256
   * @param {number} size
   * @param {boolean} isData
   */
  async #fetch(sha256, size, isData) {
    const bytes = await this.tally.follow(size, (onBytes) => this.#sources.fetchFile(sha256, { size, onBytes }));
    if (isData) this.#sources.tellCell({ type: "file", name: sha256, bytes: new Blob([bytes]) });
    else this.#sources.tellCell({ type: "file", name: sha256, bytes }, [bytes]);
  }
}
