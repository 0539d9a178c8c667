/**
 * Makes `python_stdlib.zip` slim (see slim.py), in the Python that it belongs to.
 *
 *     node slim.mjs FOLDER SLIM
 *
 * FOLDER is the folder of the files as they will be served; the zip in it is replaced. Prints its size as a JSON object.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// Node would print the line of Pyodide's source as well, which is one line of a megabyte.
process.on("uncaughtException", (error) => {
  console.error(error?.message ?? String(error));
  process.exit(1);
});

const [folder, script] = process.argv.slice(2).map((path) => resolve(path));
const zip = join(folder, "python_stdlib.zip");

const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")).href);
const pyodide = await loadPyodide({ indexURL: folder });
const globals = pyodide.toPy({ __name__: "slim" });
pyodide.runPython(readFileSync(script, "utf8"), { globals, filename: "slim.py" });
pyodide.FS.writeFile("/original.zip", readFileSync(zip));
globals.get("slim_zip")("/original.zip", "/slim.zip");

const slim = pyodide.FS.readFile("/slim.zip");
writeFileSync(zip, slim);
console.log(JSON.stringify({ size: slim.length }));
process.exit(0);
