// The same unit as the grid computes, called in a tight loop by Pyodide alone: nothing is faster here.
import { loadPyodide } from "/pyodide/pyodide.mjs";

const asked = new Promise((resolve) => (self.onmessage = ({ data }) => resolve(data)));
const pyodide = await loadPyodide({ indexURL: "/pyodide/" });
pyodide.runPython(await (await fetch("/units/spin.py")).text());
const { loops, count } = await asked;
pyodide.globals.set("loops", loops);
pyodide.globals.set("count", count);
pyodide.runPython("for _ in range(max(1, count // 10)): run(loops)");
const start = performance.now();
pyodide.runPython("for _ in range(count): run(loops)");
postMessage({ ms_each: (performance.now() - start) / count });
