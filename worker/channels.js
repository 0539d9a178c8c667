/**
 * What the parts on this side say to each other: the site's page (loader.js), the bridge, the cell, its workers.
 * Messages only; who says what when is told in `docs/browser.md`. The protocol with the distributor stands in `messages.js`.
 */

/**
 * Bundle files that a worker needs, by their names in `bundle.json`. The snapshot may be missing from a bundle.
 */
export const BUNDLE_FILES = Object.freeze({
  pyodide: "pyodide.mjs",
  asm: "pyodide.asm.mjs",
  wasm: "pyodide.asm.wasm",
  stdlib: "python_stdlib.zip",
  lock: "pyodide-lock.json",
  snapshot: "snapshot.bin",
});

/** The cell's own name for the source of `worker.js`, which comes to it the way that bundle files do. */
export const WORKER_SOURCE = "worker.js";

// ---- page and bridge ------------------------------------------------------------------------

/**
 * What a volunteer is doing: `loading` (the bundle is on its way), `computing`, `waiting` (for work), `paused`,
 * `offline` (the distributor cannot be reached; trying again), `failed` (it ends here; the message says why).
 * @typedef {"loading" | "computing" | "waiting" | "paused" | "offline" | "failed"} State
 */

/**
 * Times are milliseconds since the bridge was started; 0: not yet. `workers`: what each fresh interpreter took to be ready.
 * @typedef {{bundle: number, ready: number, acknowledged: number, workers: number[]}} Timings
 */

/**
 * @typedef {{type: "here"}} Here the bridge listens; to its parent window
 * @typedef {{type: "start", workers: number}} Start first message, with the port, from the page
 * @typedef {{type: "pause"} | {type: "resume"}} Wish to stop, the page removes the frame
 * @typedef {{type: "status", state: State, message: string, task: string, payloads: number, failed: number,
 *   acknowledged: number, memory: number, timings: Timings}} Status `memory`: the most bytes that an interpreter has had
 * @typedef {Start | Wish} ToBridge
 */

// ---- bridge and cell ------------------------------------------------------------------------

/**
 * @typedef {{type: "connect", snapshot: boolean}} Connect first message, with the port, from the bridge
 * @typedef {{type: "start", workers: number}} StartWorkers
 * @typedef {{type: "file", name: string, bytes: ArrayBuffer}} GiveFile
 * @typedef {{type: "task", task: string, filename: string, timeout: number, maxResultBytes: number, source: string,
 *   params: Uint8Array<ArrayBuffer>}} GiveTask
 * @typedef {{type: "work", task: string, items: import("./messages.js").LeaseItem[], data: Uint8Array<ArrayBuffer>}} GiveWork
 * @typedef {{type: "revoke", task: string, leases: number[]}} TakeBack no leases: the whole task
 * @typedef {{type: "pause"} | {type: "resume"}} Switch
 * @typedef {StartWorkers | GiveFile | GiveTask | GiveWork | TakeBack | Switch} ToCell
 */

/**
 * @typedef {{type: "ready", ms: number}} CellReady an interpreter is ready; it took so long
 * @typedef {{type: "results", task: string, items: import("./messages.js").ResultItem[], data: Uint8Array<ArrayBuffer>,
 *   ms: number, memory: number}} CellResults `ms`: computing time of all of them together; `memory`: bytes of their interpreter
 * @typedef {{type: "returned", task: string, leases: number[]}} CellReturned not computed, because of a pause
 * @typedef {{type: "failed", message: string}} CellFailed no interpreter can be started here
 * @typedef {{type: "log", message: string}} CellLog
 * @typedef {CellReady | CellResults | CellReturned | CellFailed | CellLog} FromCell
 */

// ---- cell and worker ------------------------------------------------------------------------

/**
 * @typedef {{type: "prepare", pyodide: string, asm: string}} Prepare blob: URLs of Pyodide's scripts
 * @typedef {{type: "boot", module: WebAssembly.Module, stdlib: ArrayBuffer, lock: ArrayBuffer,
 *   snapshot: ArrayBuffer | null}} Boot
 * @typedef {{type: "open", source: string, info: string}} Open a unit; `info` is JSON, see `disio.unit.runner`
 * @typedef {{type: "slice", items: string, data: Uint8Array<ArrayBuffer>, budget: number}} Slice payloads; `items` is JSON:
 *   [[index, size], ...]; `budget`: seconds after which a step ends and its results are told
 * @typedef {{type: "hold"}} Hold forget the slices that were not begun
 * @typedef {Prepare | Boot | Open | Slice | Hold} ToWorker
 */

/**
 * @typedef {{type: "ready", idle: number, plain: string}} WorkerReady `idle`: milliseconds that it waited for files;
 *   `plain`: why the snapshot was not used, or nothing
 * @typedef {{type: "opened"}} Opened the unit's module has been run (or has failed: then every payload will say so)
 * @typedef {{type: "results", items: string, data: Uint8Array<ArrayBuffer>, ms: number, memory: number}} StepResults
 *   `items` is JSON: [[outcome, size, ms, log?], ...] in the order of the payloads; `memory`: bytes that the interpreter has
 * @typedef {{type: "held", slices: number}} Held so many slices were forgotten, the last ones
 * @typedef {{type: "fatal", message: string}} Fatal this interpreter cannot go on
 * @typedef {WorkerReady | Opened | StepResults | Held | Fatal} FromWorker
 */
