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
/** The scripts that it is made of, in their order. */
export const WORKER_PARTS = Object.freeze(["throttle.js", "interrupt.js", "snapshot.js", "worker.js"]);

/** Where an interpreter has its task's shared data. */
export const DATA_FOLDER = "/data";

// ---- page and bridge ------------------------------------------------------------------------

/**
 * What a volunteer is doing: `loading` (the bundle is on its way), `computing`, `waiting` (for work), `paused`,
 * `offline` (the distributor cannot be reached; trying again), `failed` (it ends here; the message says why).
 * @typedef {"loading" | "computing" | "waiting" | "paused" | "offline" | "failed"} State
 * Why it is `paused`: by its visitor or the page, or by what `conditions.js` has seen.
 * @typedef {"visitor" | import("./conditions.js").Reason} PauseReason
 * Why it has `failed`: as many frames compute as there are cores, the browser has ended the cell again and again, the bundle did
 * not come, no interpreter starts here, the distributor has ended the visit, something else. Each is in `words/`.
 * @typedef {"full" | "fallen" | "files" | "boot" | "refused" | "broken"} FailReason
 */

/**
 * Times are milliseconds since the bridge was started; 0: not yet. `workers`: what each fresh interpreter took to be ready;
 * `opened`: what the last task took until its packages and its module were there.
 * @typedef {{bundle: number, ready: number, acknowledged: number, opened: number, workers: number[]}} Timings
 */

/**
 * @typedef {{type: "here"}} Here the bridge listens; to its parent window
 * @typedef {{type: "start", options: unknown}} Start first message, with the port, from the page; see `options.js`
 * @typedef {{type: "pause"} | {type: "resume"}} Wish to stop, the page removes the frame
 * @typedef {{type: "pressure", state: string}} Pressure how busy the device is, as the browser tells the page
 * @typedef {Start | Wish | Pressure} ToBridge
 */

/**
 * @typedef {{type: "status", state: State, reason: PauseReason | FailReason, message: string, task: string, payloads: number, failed: number,
 *   acknowledged: number, seconds: number, memory: number, timings: Timings}} Status `reason`: why it is paused,
 *   or has failed; `message`: more of that, in English; `seconds`: computing time given; `memory`: the most bytes
 *   that an interpreter has had
 * @typedef {{type: "size", width: number, height: number}} Size what the panel needs of the page, in CSS pixels
 * @typedef {{type: "stop"}} Stop the visitor has withdrawn
 * @typedef {Status | Size | Stop} FromBridge
 */

// ---- bridge and cell ------------------------------------------------------------------------

/**
 * @typedef {{type: "connect", snapshot: boolean}} Connect first message, with the port, from the bridge
 * @typedef {{type: "start", workers: number, share: number}} StartWorkers `share`: of each one's time, 0 to 1
 * @typedef {{type: "pace", share: number}} Pace
 * @typedef {{type: "file", name: string, bytes: ArrayBuffer | Blob}} GiveFile
 * @typedef {{type: "forget", names: string[]}} ForgetFiles
 * @typedef {{packs: string[], snapshot: string, data: Record<string, string>, module: string}} CellKit files by the names
 *   that they were given by; no snapshot: the bundle's
 * @typedef {{type: "task", task: string, filename: string, timeout: number, maxResultBytes: number, source: string,
 *   params: Uint8Array<ArrayBuffer>, kit: CellKit}} GiveTask
 * @typedef {{type: "work", task: string, items: import("./messages.js").LeaseItem[], data: Uint8Array<ArrayBuffer>}} GiveWork
 * @typedef {{type: "revoke", task: string, leases: number[]}} TakeBack no leases: the whole task
 * @typedef {{type: "pause"} | {type: "resume"}} Switch
 * @typedef {{type: "look", on: boolean}} Look somebody looks at pictures of results, or not any more
 * @typedef {{type: "beat"}} Beat the bridge asks whether the cell is there, the cell says the same
 * @typedef {Beat | StartWorkers | Pace | Look | GiveFile | ForgetFiles | GiveTask | GiveWork | TakeBack | Switch} ToCell
 */

/**
 * @typedef {{type: "ready", ms: number}} CellReady an interpreter is ready; it took so long
 * @typedef {{type: "opened", ms: number}} CellOpened a unit's packages and its module are there; that took so long
 * @typedef {{type: "results", task: string, items: import("./messages.js").ResultItem[], data: Uint8Array<ArrayBuffer>,
 *   ms: number, memory: number}} CellResults `ms`: computing time of all of them together; `memory`: bytes of their interpreter
 * @typedef {{type: "checkpoint", task: string, lease: number, data: Uint8Array<ArrayBuffer>}} CellCheckpoint
 * @typedef {{type: "event", task: string, lease: number, data: Uint8Array<ArrayBuffer>}} CellEvent
 * @typedef {{type: "returned", task: string, leases: number[]}} CellReturned not computed, because of a pause
 * @typedef {{type: "failed", message: string}} CellFailed no interpreter can be started here
 * @typedef {{type: "log", message: string}} CellLog
 * @typedef {{type: "picture", task: string, data: unknown}} CellPicture of a result, as the unit gave it; see `picture.js`
 * @typedef {Beat | CellReady | CellOpened | CellResults | CellCheckpoint | CellEvent | CellReturned | CellFailed | CellLog | CellPicture} FromCell
 */

// ---- cell and worker ------------------------------------------------------------------------

/**
 * @typedef {{type: "prepare", pyodide: string, asm: string}} Prepare blob: URLs of Pyodide's scripts
 * @typedef {{type: "boot", module: WebAssembly.Module, lock: ArrayBuffer, snapshots: ArrayBuffer[]}} Boot the snapshots that may be used,
 *   the best first
 * @typedef {{type: "library", stdlib: ArrayBuffer}} Library what of the standard library is in no snapshot; no unit is opened before
 * @typedef {{type: "open", source: string, info: string, share: number, alive: string, packs: ArrayBuffer[], folder: string,
 *   data: Record<string, Blob>}} Open a unit; `info` is JSON, see `disio.unit.runner`; `share`: of its time to compute, 0 to 1;
 *   packages come with it, and shared data, which is mounted in this folder
 * @typedef {{type: "slice", items: string, data: Uint8Array<ArrayBuffer>, budget: number}} Slice payloads; `items` is JSON:
 *   [[index, size, state?], ...]; `budget`: seconds after which a step ends and its results are told
 * @typedef {{type: "hold"}} Hold forget the slices that were not begun
 * @typedef {Prepare | Boot | Library | Open | Pace | Look | Slice | Hold} ToWorker
 */

/**
 * @typedef {{type: "ready", idle: number, plain: string}} WorkerReady `idle`: milliseconds that it waited for files;
 *   `plain`: why the snapshot was not used, or nothing
 * @typedef {{type: "opened"}} Opened the unit's module has been run (or has failed: then every payload will say so)
 * @typedef {{type: "results", items: string, data: Uint8Array<ArrayBuffer>, ms: number, memory: number}} StepResults
 *   `items` is JSON: [[outcome, size, ms, log?], ...] in the order of the payloads; `memory`: bytes that the interpreter has
 * @typedef {{type: "checkpoint", index: number, data: Uint8Array<ArrayBuffer>}} Kept a state of the payload with this index
 * @typedef {{type: "event", index: number, data: Uint8Array<ArrayBuffer>}} Told by the payload with this index
 * @typedef {{type: "held", slices: number}} Held so many slices were forgotten, the last ones
 * @typedef {{type: "fatal", message: string}} Fatal this interpreter cannot go on
 * @typedef {{type: "picture", data: Uint8Array<ArrayBuffer>}} Picture what the unit's `show` made of a result
 * @typedef {WorkerReady | Opened | StepResults | Kept | Told | Held | Picture | Fatal} FromWorker
 */
