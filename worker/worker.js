/**
 * One Pyodide interpreter, for one task: boots from bytes that the cell posts, opens a unit, computes slices of payloads.
 *
 * This is a classic script, because a module worker from a blob: URL fails in a frame of opaque origin, and it needs no
 * network: there is none (see docs/browser.md). Messages: `channels.js`, cell and worker.
 */
"use strict";

(() => {
  /** @typedef {import("./channels.js").FromWorker} FromWorker */

  const HOME = "https://bundle.invalid/"; // where Pyodide believes its files to be; answered below, never resolved
  const EMPTY_WASM = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
  const PICTURE_MS = 1500; // between two pictures, at least; a slow one takes no more than 2 % of the time
  const PAGE_BYTES = 65536;
  /** More memory than this no interpreter gets: a unit that asks for it has a MemoryError, not the visitor a slow machine. */
  const MAX_MEMORY_BYTES = 2 ** 30;

  /**
   * Taken from the worker's realm, the only one that a unit can reach: with these it could multiply, outlive its task, or tell
   * another task's worker something. For what goes to the network this is a second wall: there is a policy in front of it.
   */
  const WITHHELD = ["Worker", "SharedWorker", "BroadcastChannel", "RTCPeerConnection", "WebTransport", "WebSocketStream"];
  for (const name of WITHHELD) Reflect.deleteProperty(self, name);

  /** @type {(address: string) => void} */
  const loadNow = /** @type {any} */ (self).importScripts.bind(self); // only workers have it
  const interrupt = new Interrupt(loadNow);
  /** Pyodide refuses classic workers, and tells them by an importScripts that works. Units must not have it either. */
  Object.assign(self, {
    importScripts() {
      throw new TypeError("importScripts is not available here");
    },
  });

  /** @type {Promise<{loadPyodide: (options: object) => Promise<any>}>} */
  let pyodideModule;
  /** @type {Promise<{default: Function}>} */
  let asmModule;
  /** @type {(stdlib: Uint8Array<ArrayBuffer>) => void} */
  let libraryCame;
  /** @type {Promise<Uint8Array<ArrayBuffer>>} */
  const library = new Promise((resolve) => (libraryCame = resolve));
  let idle = 0; // milliseconds that it only waited for files
  let restingSince = performance.now();
  /** @type {any} */
  let pyodide;
  /** @type {any} */
  let toBytes;
  /** @type {any} */
  let runner;
  /** @type {any} */
  let session;
  /** @type {any} */
  let step;
  /** @type {import("./channels.js").Slice[]} */
  let slices = [];
  let queued = 0;
  let budget = 0;
  let scheduled = false;
  const throttle = new Throttle();
  let looking = false; // somebody looks at pictures
  let nextPicture = 0;
  const later = self.setTimeout.bind(self);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  /** @type {WebAssembly.Memory | undefined} */
  let memory;

  // A message to oneself comes after the messages that wait already, and without a timer's delay of 4 ms.
  const turn = new MessageChannel();
  turn.port1.onmessage = compute;

  const postToCell = self.postMessage.bind(self);

  /**
   * @param {FromWorker} message
   * @param {Transferable[]} [transfer]
   */
  function tell(message, transfer = []) {
    postToCell(message, { transfer });
  }

  /** @param {unknown} error */
  function fatal(error) {
    slices = [];
    queued = 0;
    session = undefined;
    tell({ type: "fatal", message: String(error instanceof Error ? error.message || error.name : error).slice(-2000) });
  }

  /** @param {MessageEvent<import("./channels.js").ToWorker>} event */
  self.onmessage = async ({ data: message }) => {
    try {
      switch (message.type) {
        case "prepare": {
          rested();
          pyodideModule = import(message.pyodide);
          asmModule = import(message.asm);
          await Promise.all([pyodideModule, asmModule]);
          restingSince = performance.now();
          break;
        }
        case "boot": {
          await Promise.all([pyodideModule, asmModule]);
          rested();
          const plain = await boot(message);
          tell({ type: "ready", idle, plain });
          break;
        }
        case "library":
          libraryCame(new Uint8Array(message.stdlib));
          break;
        case "open":
          throttle.share = message.share;
          await writeLibrary();
          open(message);
          tell({ type: "opened" });
          schedule(); // what has come meanwhile
          break;
        case "look":
          looking = message.on;
          break;
        case "pace":
          throttle.share = message.share;
          break;
        case "slice":
          slices.push(message);
          schedule();
          break;
        case "hold":
          tell({ type: "held", slices: slices.length });
          slices = [];
          throttle.forgive(); // what is begun comes to its end at once: a pause is rest enough
          clearTimeout(resting);
          resting = undefined;
          if (queued > 0) schedule();
          break;
      }
    } catch (error) {
      fatal(error);
    }
  };

  const rested = () => void (idle += Math.max(0, performance.now() - restingSince));

  /**
   * @param {import("./channels.js").Boot} files
   * @returns {Promise<string>} why the snapshot was not used; empty if it was
   */
  async function boot(files) {
    let reason = files.snapshots.length > 0 ? "" : "this bundle has no snapshot";
    for (const snapshot of files.snapshots) {
      try {
        pyodide = await load(files, expandSnapshot(snapshot));
        enter();
        return reason;
      } catch (error) {
        reason = `a snapshot could not be used: ${error}`;
      }
    }
    pyodide = await load(files, null);
    enter();
    return reason;
  }

  /**
   * @param {import("./channels.js").Boot} files
   * @param {Snapshot | null} snapshot
   */
  async function load(files, snapshot) {
    const { loadPyodide } = await pyodideModule;
    const originals = { fetch: self.fetch, instantiateStreaming: WebAssembly.instantiateStreaming };
    const restore = () => {
      WebAssembly.instantiateStreaming = originals.instantiateStreaming;
    };
    /** @type {Record<string, Uint8Array<ArrayBuffer>>} */
    const answers = {
      // A snapshot needs it no sooner than a unit, so it comes last; see writeLibrary.
      [HOME + "python_stdlib.zip"]: snapshot ? new Uint8Array() : await library,
      [HOME + "pyodide.asm.wasm"]: EMPTY_WASM, // replaced by the compiled module
    };
    self.fetch = async (input) => {
      const address = String(input instanceof Request ? input.url : input);
      if (!answers[address]) throw new TypeError(`there is no network here (${address})`);
      return new Response(answers[address]);
    };
    WebAssembly.instantiateStreaming = async (_source, imports) => {
      restore(); // extension modules come through the same function later
      /** @type {any} */ (imports).env._Py_CheckEmscriptenSignals_Helper = interrupt.ask;
      const instance = await WebAssembly.instantiate(files.module, imports);
      memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
      const missing = (snapshot?.whole.length ?? 0) - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
      snapshot?.addFresh(memory.buffer);
      bound(memory);
      return { instance, module: files.module };
    };
    try {
      return await loadPyodide({
        indexURL: HOME,
        packageBaseUrl: HOME,
        createPyodideModule: (await asmModule).default,
        lockFileContents: new TextDecoder().decode(files.lock),
        env: { PYTHONHASHSEED: "0" }, // as in the snapshot: one order of sets everywhere
        stdout: () => {}, // the runner takes what units print
        stderr: () => {},
        ...(snapshot && { _loadSnapshot: snapshot.whole }),
      });
    } finally {
      restore();
      self.fetch = originals.fetch;
    }
  }

  /**
   * The module itself may grow to 4 GiB. Its allocator asks by this function, and takes a refusal as any allocator does.
   * @param {WebAssembly.Memory} memory
   */
  function bound(memory) {
    const grow = memory.grow.bind(memory);
    memory.grow = (pages) => {
      if (memory.buffer.byteLength + pages * PAGE_BYTES > MAX_MEMORY_BYTES) throw new RangeError("a unit may not have more memory");
      return grow(pages);
    };
  }

  function enter() {
    toBytes = pyodide.runPython("lambda buffer: buffer.to_bytes()");
    runner = pyodide.pyimport("disio.unit.runner");
  }

  /** Pyodide has written an empty one, if it started from a snapshot. */
  async function writeLibrary() {
    const name = pyodide.FS.readdir("/lib").find((/** @type {string} */ name) => name.endsWith(".zip"));
    pyodide.FS.writeFile(`/lib/${name}`, await library, { canOwn: true });
  }

  /**
   * Write a pack's files (see `disio.bundle.packs`) into the interpreter's file system, without copying their contents.
   * @param {ArrayBuffer} pack
   */
  function unpack(pack) {
    const end = 4 + new DataView(pack).getUint32(0, true);
    const { root, files } = JSON.parse(new TextDecoder().decode(new Uint8Array(pack, 4, end - 4)));
    const folders = new Set();
    let at = end;
    for (const [name, size] of files) {
      const path = `${root}/${name}`;
      const folder = path.slice(0, path.lastIndexOf("/"));
      if (!folders.has(folder)) pyodide.FS.mkdirTree(folder);
      folders.add(folder);
      pyodide.FS.writeFile(path, new Uint8Array(pack, at, size), { canOwn: true });
      at += size;
    }
    // Not importlib.invalidate_caches(): that imports a tenth of the standard library for it.
    pyodide.runPython("__import__('sys').path_importer_cache.pop(root, None)", { locals: pyodide.toPy({ root }) });
  }

  /**
   * Mount shared data: read where it lies when it is read, and copied into memory only by who maps it there.
   * @param {string} folder
   * @param {Record<string, Blob>} data
   */
  function mount(folder, data) {
    const { FS, _module: emscripten } = pyodide;
    const reader = /** @type {any} */ (self); // only workers have FileReaderSync
    const { WORKERFS } = FS.filesystems;
    WORKERFS.stream_ops.mmap ??= (/** @type {any} */ stream, /** @type {number} */ length, /** @type {number} */ position) => {
      const ptr = emscripten.mmapAlloc(length);
      if (!ptr) throw new FS.ErrnoError(48); // no memory
      const blob = stream.node.contents.slice(position, position + length);
      const bytes = new Uint8Array(new reader.FileReaderSync().readAsArrayBuffer(blob));
      emscripten.HEAPU8.set(bytes, ptr);
      emscripten.HEAPU8.fill(0, ptr + bytes.length, ptr + length);
      return { ptr, allocated: true };
    };
    WORKERFS.stream_ops.msync ??= () => 0;
    FS.mkdirTree(folder);
    FS.mount(WORKERFS, { blobs: Object.entries(data).map(([name, blob]) => ({ name, data: blob })) }, folder);
  }

  /** @param {import("./channels.js").Open} unit */
  function open(unit) {
    if (interrupt.watch(unit.alive)) pyodide.setInterruptBuffer(interrupt.buffer);
    const begin = performance.now();
    unit.packs.forEach(unpack);
    mount(unit.folder, unit.data);
    session = runner.open_unit(unit.source, unit.info);
    const { hooks } = session;
    hooks.checkpoint = teller("checkpoint");
    hooks.event = teller("event");
    hooks.destroy();
    step = session.step;
    throttle.spent(begin, performance.now());
  }

  /**
   * A unit keeps a state or tells an event, in the midst of its computing: a message leaves a worker that never comes to
   * rest all the same.
   * @param {"checkpoint" | "event"} type
   */
  function teller(type) {
    return (/** @type {number} */ index, /** @type {any} */ bytes) => {
      const view = bytes.getBuffer("u8");
      const data = view.data.slice();
      view.release();
      tell({ type, index, data }, [data.buffer]);
    };
  }

  function schedule() {
    if (scheduled || resting !== undefined) return;
    const rest = throttle.owed(performance.now());
    if (rest > 0) {
      resting = later(() => {
        resting = undefined;
        schedule();
      }, rest);
      return;
    }
    scheduled = true;
    turn.port2.postMessage(null);
  }

  function compute() {
    scheduled = false;
    try {
      if (queued === 0 && !loadSlice()) return;
      const begin = performance.now();
      const pair = step(budget);
      const ms = performance.now() - begin;
      const items = pair.get(0);
      const data = copyOf(pair.get(1));
      pair.destroy();
      queued = session.queued;
      tell({ type: "results", items, data, ms, memory: memory?.buffer.byteLength ?? 0 }, [data.buffer]);
      if (looking && performance.now() >= nextPicture) showPicture();
      throttle.spent(begin, performance.now());
      if (queued > 0 || slices.length > 0) schedule();
    } catch (error) {
      fatal(error);
    }
  }

  function showPicture() {
    const begin = performance.now();
    const data = copyOf(session.picture());
    if (data.byteLength > 0) tell({ type: "picture", data }, [data.buffer]);
    const end = performance.now();
    nextPicture = end + Math.max(PICTURE_MS, 50 * (end - begin));
  }

  /** @param {any} bytes Python's, destroyed here */
  function copyOf(bytes) {
    const view = bytes.getBuffer("u8");
    const data = view.data.slice();
    view.release();
    bytes.destroy();
    return data;
  }

  function loadSlice() {
    const slice = session && slices.shift();
    if (!slice) return false;
    const bytes = toBytes(slice.data);
    session.load(slice.items, bytes);
    bytes.destroy();
    budget = slice.budget;
    queued = session.queued;
    return queued > 0;
  }
})();
