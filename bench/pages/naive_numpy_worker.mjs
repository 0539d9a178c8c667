// Pyodide with a package in a module worker, as its documentation shows it.
import { loadPyodide } from "/pyodide/pyodide.mjs";

const pyodide = await loadPyodide({ indexURL: "/pyodide/" });
await pyodide.loadPackage("numpy");
pyodide.runPython(await (await fetch("/units/matrices.py")).text());
postMessage(pyodide.runPython("run(7)"));
