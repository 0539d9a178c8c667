/**
 * Starts an interpreter from a folder of the bundle's files and runs one Python file in it.
 *
 *     node boot.mjs FILES SCRIPT [--plain]
 *
 * The snapshot in FILES is restored, or with --plain the interpreter is started as Pyodide documents it. SCRIPT's
 * variable `answer` (any JSON value) is printed with the milliseconds of the start, as one JSON object.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expand, withFreshMemory } from "./node/sparse.mjs";

// Node would print the line of Pyodide's source as well, which is one line of a megabyte.
process.on("uncaughtException", (error) => {
  console.error(error?.message ?? String(error));
  process.exit(1);
});

const [folder, script] = process.argv.slice(2).map((path) => resolve(path));
const plain = process.argv.includes("--plain");

const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")).href);
const packed = plain ? undefined : readFileSync(join(folder, "snapshot.bin"));
const begin = performance.now();
const snapshot = packed && expand(packed);
if (snapshot) withFreshMemory(snapshot.addFresh);
const pyodide = await loadPyodide({
  indexURL: folder,
  env: { PYTHONHASHSEED: "0" },
  ...(snapshot && { _loadSnapshot: snapshot.whole }),
});
const boot = performance.now() - begin;

const globals = pyodide.toPy({ __name__: "__main__" });
pyodide.runPython(readFileSync(script, "utf8"), { globals, filename: script });
const answer = globals.get("answer");
console.log(JSON.stringify({ boot_ms: boot, answer: answer?.toJs ? answer.toJs({ dict_converter: Object.fromEntries }) : answer }));
process.exit(0);
