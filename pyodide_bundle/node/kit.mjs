/**
 * Prepares a task's packages in an interpreter of the bundle, under Node: compiles them, imports them, takes a snapshot.
 *
 *     node kit.mjs FILES JOB
 *
 * FILES is a folder of the bundle's files under their names. JOB is a file with a JSON object:
 *
 *     {"compile": [[PACK, OUT], ...]}                        writes packs with a .pyc beside each .py
 *     {"packs": [PACK, ...], "pure": [MODULE, ...], "imports": [MODULE, ...], "snapshot": OUT or null}
 *
 * The second imports what the unit imports, as proof that it can. `pure` are the modules that a snapshot may hold: it is written
 * when they, and nothing compiled, were imported. Prints a JSON object: `error` (a traceback, or empty), `snapshot` (its bytes; 0: none).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { sameBytesEverywhere, scrub } from "./scrub.mjs";
import { pack as packSnapshot, withFreshMemory } from "./sparse.mjs";

// Node would print the line of Pyodide's source as well, which is one line of a megabyte.
process.on("uncaughtException", (error) => {
  console.error(error?.message ?? String(error));
  process.exit(1);
});

const [files, jobFile] = process.argv.slice(2).map((path) => resolve(path));
if (!jobFile) {
  console.error("usage: node kit.mjs FILES JOB");
  process.exit(2);
}
const job = JSON.parse(readFileSync(jobFile, "utf8"));
const here = dirname(fileURLToPath(import.meta.url));

sameBytesEverywhere();
let fresh = new Uint8Array();
withFreshMemory((memory) => (fresh = new Uint8Array(memory.slice(0))));
const { loadPyodide } = await import(pathToFileURL(join(files, "pyodide.mjs")).href);
const pyodide = await loadPyodide({
  indexURL: files,
  _makeSnapshot: Boolean(job.snapshot),
  _sysExecutable: "/usr/bin/python3", // instead of this script's path, which would be remembered inside
  env: { PYTHONHASHSEED: "0" }, // one order of sets everywhere, so that answers of different volunteers agree
  stdout: () => {},
  stderr: () => {},
});
const tools = pyodide.toPy({ __name__: "kit" });
pyodide.runPython(readFileSync(join(here, "kit.py"), "utf8"), { globals: tools, filename: "kit.py" });
const [compile, importAll] = ["compile_all", "import_all"].map((name) => tools.get(name));

if (job.compile) {
  for (const [source, target] of job.compile) writeFileSync(target, compiled(readFileSync(source)));
  console.log("{}");
} else {
  console.log(JSON.stringify(imported()));
}
process.exit(0);

/** @returns {{error: string, snapshot: number}} */
function imported() {
  job.packs.forEach((/** @type {string} */ path) => unpack(readFileSync(path)));
  let size = 0;
  if (job.snapshot) {
    const before = libraries();
    pyodide.runPython(readFileSync(join(here, "preload.py"), "utf8"), { globals: pyodide.toPy({ __name__: "preload" }) });
    const error = importAll(JSON.stringify(job.pure));
    if (error) return { error, snapshot: 0 };
    if (libraries() === before) {
      pyodide.runPython("import gc; gc.collect(); del gc");
      scrub(pyodide._module);
      const snapshot = packSnapshot(pyodide.makeMemorySnapshot(), fresh);
      writeFileSync(job.snapshot, snapshot);
      size = snapshot.length;
    }
  }
  return { error: importAll(JSON.stringify(job.imports)), snapshot: size };
}

/** How many compiled modules are loaded: their code is not part of a snapshot. */
function libraries() {
  return Object.keys(pyodide._module.LDSO.loadedLibsByName).length;
}

/**
 * As in `worker/worker.js`, which has the browser's side of it.
 * @param {Uint8Array} pack
 * @returns {{root: string, files: [name: string, size: number][]}}
 */
function unpack(pack) {
  const end = 4 + new DataView(pack.buffer, pack.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(pack.subarray(4, end)));
  let at = end;
  for (const [name, size] of head.files) {
    const path = `${head.root}/${name}`;
    pyodide.FS.mkdirTree(dirname(path));
    pyodide.FS.writeFile(path, pack.subarray(at, at + size));
    at += size;
  }
  pyodide.runPython("import importlib; importlib.invalidate_caches(); del importlib");
  return head;
}

/**
 * @param {Uint8Array} pack
 * @returns {Uint8Array} the pack with the bytecode of its modules
 */
function compiled(pack) {
  const head = unpack(pack);
  const names = head.files.map(([name]) => name).filter((name) => name.endsWith(".py"));
  const made = JSON.parse(compile(head.root, JSON.stringify(names)));
  const added = made.map((/** @type {string} */ name) => [name, pyodide.FS.readFile(`${head.root}/${name}`)]);
  const listed = [...head.files, ...added.map((/** @type {[string, Uint8Array]} */ [name, bytes]) => [name, bytes.length])];
  const text = new TextEncoder().encode(JSON.stringify({ ...head, files: listed }));
  const end = 4 + new DataView(pack.buffer, pack.byteOffset).getUint32(0, true);
  const length = new Uint8Array(new Uint32Array([text.length]).buffer);
  return Buffer.concat([length, text, pack.subarray(end), ...added.map((/** @type {[string, Uint8Array]} */ [, bytes]) => bytes)]);
}
