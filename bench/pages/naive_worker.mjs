// Pyodide in a module worker, as its documentation shows it.
import { loadPyodide } from "/pyodide/pyodide.mjs";

const pyodide = await loadPyodide({ indexURL: "/pyodide/" });
pyodide.runPython("1 + 1");
postMessage("ready");
