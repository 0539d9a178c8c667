/**
 * What makes a snapshot small, and the same wherever it is made.
 */
import { createRequire } from "node:module";

const SMALLEST_CHUNK = 16;

/**
 * Takes chance and the clock away from the start, so that equal sources and one Node give an equal snapshot on every machine: anyone
 * can check a bundle, and a browser's cache serves it to all distributors' pages. Nothing of it is secret: each
 * restored interpreter starts from these bytes anyway, and asks its browser for randomness from then on.
 */
export function sameBytesEverywhere() {
  const crypto = createRequire(import.meta.url)("node:crypto");
  let state = 1;
  crypto.randomFillSync = (view) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
    return view;
  };
  let now = Date.UTC(2026, 0, 1);
  Date.now = () => (now += 1);
  performance.now = () => (now += 0.001) - Date.UTC(2026, 0, 1);
}

/**
 * Fills what malloc has free with zeros: what lies there are leftovers, and a fifth of the compressed size.
 * @param {any} module Emscripten's
 * @returns {number} bytes
 */
function scrubFreeMemory(module) {
  const limit = module._malloc_footprint_limit();
  module._malloc_set_footprint_limit(module._malloc_footprint()); // malloc fails now where it would grow the heap
  const held = [];
  let bytes = 0;
  for (let size = 2 ** 24; size >= SMALLEST_CHUNK; size -= size > 64 ? size / 2 : 8) {
    for (let chunk = module._malloc(size); chunk; chunk = module._malloc(size)) {
      const usable = module._malloc_usable_size(chunk);
      module.HEAPU8.fill(0, chunk, chunk + usable);
      held.push(chunk);
      bytes += usable;
    }
  }
  held.forEach((chunk) => module._free(chunk));
  module._malloc_set_footprint_limit(limit);
  return bytes;
}

/**
 * Fills the stack below its present end with zeros; a margin stays, for the calls that follow.
 * @param {any} module Emscripten's
 * @returns {number} bytes
 */
function scrubDeadStack(module) {
  const [low, high] = [module._emscripten_stack_get_end(), module._emscripten_stack_get_current() - 1024];
  module.HEAPU8.fill(0, low, high);
  return high - low;
}

/**
 * @param {any} module Emscripten's
 * @returns {number} bytes that hold zeros now
 */
export function scrub(module) {
  return scrubFreeMemory(module) + scrubDeadStack(module);
}
