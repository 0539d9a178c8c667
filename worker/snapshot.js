/**
 * A snapshot as it is served, made whole again. A classic script: it is put in front of worker.js.
 *
 * It holds only what differs from the memory of a fresh instance, whose data segments are in the WebAssembly module anyway:
 * see pyodide_bundle/node/sparse.mjs, which is the other side of this.
 */
"use strict";

/** @typedef {{whole: Uint8Array<ArrayBuffer>, addFresh: (memory: ArrayBuffer) => void}} Snapshot whole once `addFresh` has the fresh memory */

/**
 * @param {ArrayBuffer} packed
 * @returns {Snapshot}
 */
function expandSnapshot(packed) {
  const [size, start, filled, count] = new Uint32Array(packed, 0, 4);
  const runs = new Uint32Array(packed, 16, 2 * count);
  const whole = new Uint8Array(size);
  let at = 16 + 8 * count;
  for (let run = 0; run < runs.length; run += 2) {
    whole.set(new Uint8Array(packed, at, runs[run + 1]), runs[run]);
    at += runs[run + 1];
  }
  /** @param {ArrayBuffer} memory */
  const addFresh = (memory) => {
    const words = new Uint32Array(whole.buffer, start, filled / 4);
    const fresh = new Uint32Array(memory, 0, filled / 4);
    for (let i = 0; i < words.length; i += 1) words[i] += fresh[i];
  };
  return { whole, addFresh };
}
