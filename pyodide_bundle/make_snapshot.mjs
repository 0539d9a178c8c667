/**
 * Makes the memory snapshot: an interpreter in which the runner and the common standard library are imported.
 *
 *     node make_snapshot.mjs CORE PRELOAD OUT
 *
 * CORE is the folder of the files as they will be served, python_stdlib.zip included (the restored interpreter
 * remembers where in that zip each module stands, so it has to be the same file). PRELOAD is the Python file that
 * imports what should be inside. Prints one JSON object about what was made.
 *
 * `_makeSnapshot` and the `_module` used here are not public API of Pyodide: the version is pinned, and the build
 * restores every snapshot before it is taken into a bundle.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { pack, withFreshMemory } from "./sparse.mjs";

// Node would print the line of Pyodide's source as well, which is one line of a megabyte.
process.on("uncaughtException", (error) => {
  console.error(error?.message ?? String(error));
  process.exit(1);
});

const SMALLEST_CHUNK = 16;

const [core, preload, out] = process.argv.slice(2).map((path) => resolve(path));
if (!out) {
  console.error("usage: node make_snapshot.mjs CORE PRELOAD OUT");
  process.exit(2);
}

sameBytesEverywhere();
let fresh = new Uint8Array();
withFreshMemory((memory) => (fresh = new Uint8Array(memory.slice(0))));
const { loadPyodide } = await import(pathToFileURL(join(core, "pyodide.mjs")).href);
const pyodide = await loadPyodide({
  indexURL: core,
  _makeSnapshot: true,
  _sysExecutable: "/usr/bin/python3", // instead of this script's path, which would be remembered inside
  env: { PYTHONHASHSEED: "0" }, // one order of sets everywhere, so that answers of different volunteers agree
});
const module = pyodide._module;
const initial = module.HEAPU8.length;

const globals = pyodide.toPy({ __name__: "preload" });
pyodide.runPython(readFileSync(preload, "utf8"), { globals, filename: "preload.py" });
globals.destroy();
pyodide.runPython("import gc; gc.collect(); del gc");

const scrubbed = scrubFreeMemory() + scrubDeadStack();
if (module.HEAPU8.length !== initial) {
  // Restoring writes into the memory that a fresh module starts with, and that cannot hold more than it is.
  console.error(`the preloaded modules need more than the initial ${initial} bytes of memory: import less in preload.py`);
  process.exit(1);
}

const snapshot = pack(pyodide.makeMemorySnapshot(), fresh);
writeFileSync(out, snapshot);
console.log(JSON.stringify({ size: snapshot.length, memory: initial, scrubbed }));
process.exit(0);

/**
 * Takes chance and the clock away from the start, so that equal sources and one Node give an equal snapshot on every machine: anyone
 * can check a bundle, and a browser's cache serves it to all distributors' pages. Nothing of it is secret: each
 * restored interpreter starts from these bytes anyway, and asks its browser for randomness from then on.
 */
function sameBytesEverywhere() {
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
 * @returns {number} bytes
 */
function scrubFreeMemory() {
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
 * @returns {number} bytes
 */
function scrubDeadStack() {
  const [low, high] = [module._emscripten_stack_get_end(), module._emscripten_stack_get_current() - 1024];
  module.HEAPU8.fill(0, low, high);
  return high - low;
}
