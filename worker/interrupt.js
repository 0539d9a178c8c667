/**
 * Whether a unit is still wanted, while Python computes and no message reaches its worker. A classic script: it is put in front of
 * worker.js.
 *
 * Pyodide can be told to ask for an interrupt, and does so often: at every fiftieth turn of a loop, and for every digit of a product of
 * large integers. So the question is answered by a function in WebAssembly that counts, and only now and then asks for a look at the
 * clock; few times a second that becomes a look at the address that the cell gave with the task, and takes back (docs/browser.md).
 */
"use strict";

const SIGINT = 2;
/** Between two looks at the address. */
const ADDRESS_MS = 200;
/** Between two looks at the clock: so many, however the unit computes. */
const CLOCK_MS = Object.freeze({ least: 1, most: 20 });
const MOST_QUESTIONS = 1024;

/**
 * (module
 *   (import "clock" "look" (func $look (result i32)))
 *   (global $left (export "left") (mut i32) (i32.const 1))
 *   (func (export "ask") (result i32)
 *     (global.set $left (i32.sub (global.get $left) (i32.const 1)))
 *     (if (result i32) (global.get $left) (then (i32.const 0)) (else (call $look)))))
 */
const COUNTER = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 5, 1, 0x60, 0, 1, 0x7f], // types
  ...[2, 14, 1, 5, 0x63, 0x6c, 0x6f, 0x63, 0x6b, 4, 0x6c, 0x6f, 0x6f, 0x6b, 0, 0], // imports
  ...[3, 2, 1, 0], // functions
  ...[6, 6, 1, 0x7f, 1, 0x41, 1, 0x0b], // globals
  ...[7, 14, 2, 4, 0x6c, 0x65, 0x66, 0x74, 3, 0, 3, 0x61, 0x73, 0x6b, 0, 1], // exports
  ...[10, 21, 1, 19, 0, 0x23, 0, 0x41, 1, 0x6b, 0x24, 0, 0x23, 0, 0x04, 0x7f, 0x41, 0, 0x05, 0x10, 0, 0x0b, 0x0b], // code
]);

class Interrupt {
  /** To be Pyodide's own question in its place: `_Py_CheckEmscriptenSignals_Helper`. @type {() => number} */
  ask;
  #left;
  /** Looks at an address, at once: importScripts. @type {(address: string) => void} */
  #load;
  #address = "";
  #questions = 1;
  #looked = 0; // at the clock
  #next = 0; // look at the address

  /** @param {(address: string) => void} load */
  constructor(load) {
    this.#load = load;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(COUNTER), { clock: { look: () => this.look() } });
    this.ask = /** @type {() => number} */ (exports.ask);
    this.#left = /** @type {WebAssembly.Global} */ (exports.left);
  }

  /**
   * Compute for as long as there is something at this address.
   * @param {string} address
   * @returns {boolean} false: this browser cannot look while Python computes, and ends its workers in its own time
   */
  watch(address) {
    this.#address = address;
    this.#next = 0;
    return this.look() === 0;
  }

  /** What Pyodide looks at where Python itself does not compute (it sleeps, for example). */
  get buffer() {
    return Object.defineProperty([0], 0, { get: () => this.look(), set() {} });
  }

  /** @returns {number} SIGINT, or 0: go on */
  look() {
    const now = performance.now();
    const past = now - this.#looked;
    this.#looked = now;
    if (past < CLOCK_MS.least) this.#questions = Math.min(MOST_QUESTIONS, 2 * this.#questions);
    else if (past > CLOCK_MS.most) this.#questions = Math.ceil((this.#questions * CLOCK_MS.most) / past);
    this.#left.value = this.#questions;
    if (now < this.#next) return 0;
    this.#next = now + ADDRESS_MS;
    try {
      this.#load(this.#address);
      return 0;
    } catch {
      this.#next = 0;
      return SIGINT;
    }
  }
}
