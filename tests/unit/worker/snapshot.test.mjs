import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInThisContext } from "node:vm";
import { pack } from "../../../pyodide_bundle/node/sparse.mjs";

const expandSnapshot = runInThisContext(
  `(() => { ${readFileSync(new URL("../../../worker/snapshot.js", import.meta.url), "utf8")}; return expandSnapshot; })()`,
);
const PAGE = 4096;
const HEADER = 64;

/** @param {number} seed */
function generator(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8;
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`what is packed at the build is made whole in the worker (${seed})`, () => {
    const next = generator(seed);
    const fresh = new Uint8Array(16 * PAGE);
    fresh.subarray(0, (1 + (next() % 6)) * PAGE).forEach((_, at, bytes) => (bytes[at] = next()));
    const memory = fresh.slice(); // most of it stays as it was, some pages change, others stay empty
    for (let page = 0; page < 12; page += 1) {
      if (next() % 3 === 0) memory.subarray(page * PAGE, (page + 1) * PAGE).forEach((_, at, bytes) => (bytes[at] = next()));
    }
    const made = new Uint8Array(HEADER + memory.length);
    new Uint32Array(made.buffer)[1] = HEADER;
    made.set(memory, HEADER);

    const packed = pack(made, fresh);
    const { whole, addFresh } = expandSnapshot(packed.slice().buffer);
    addFresh(fresh.slice().buffer);
    assert.ok(packed.length < made.length);
    const restored = new Uint8Array(made.length);
    restored.set(whole); // zeros at the end are left out
    assert.deepEqual(restored, made);
  });
}
