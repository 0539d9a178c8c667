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
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { sameBytesEverywhere, scrub } from "./node/scrub.mjs";
import { pack, withFreshMemory } from "./node/sparse.mjs";

// Node would print the line of Pyodide's source as well, which is one line of a megabyte.
process.on("uncaughtException", (error) => {
  console.error(error?.message ?? String(error));
  process.exit(1);
});

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

const scrubbed = scrub(module);
if (module.HEAPU8.length !== initial) {
  // Restoring writes into the memory that a fresh module starts with, and that cannot hold more than it is.
  console.error(`the preloaded modules need more than the initial ${initial} bytes of memory: import less in preload.py`);
  process.exit(1);
}

const snapshot = pack(pyodide.makeMemorySnapshot(), fresh);
writeFileSync(out, snapshot);
console.log(JSON.stringify({ size: snapshot.length, memory: initial, scrubbed }));
process.exit(0);
