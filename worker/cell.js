/**
 * The cell: a frame of opaque origin without any network, in which units compute. Everything it has, its bridge has posted.
 */

import { Pool } from "./pool.js";
import { Runtime } from "./runtime.js";

/** @typedef {import("./channels.js").ToCell} ToCell */
/** @typedef {import("./channels.js").FromCell} FromCell */

const WATCH_MS = 100;

/** The distributor's origin: this frame's own is opaque, but its address is not. */
const home = new URL(document.URL).origin;

/**
 * Scripts may come from the distributor until here. From now on nothing may, not even by `import()` or `importScripts()`
 * with something written into the address: this policy holds besides the one that came with the page, and workers inherit both.
 */
function shutTheDoor() {
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "default-src 'none'; script-src blob: 'wasm-unsafe-eval'; worker-src blob:";
  document.head.append(policy);
  // Of all that reaches the network, this alone no policy covers in every browser.
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection"]) Reflect.deleteProperty(self, name);
}

/**
 * @param {MessagePort} port to the bridge
 * @param {import("./channels.js").Connect} options
 */
function open(port, { snapshot }) {
  const runtime = new Runtime(snapshot);
  /**
   * @param {FromCell} message
   * @param {Transferable[]} [transfer]
   */
  const tell = (message, transfer = []) => port.postMessage(message, transfer);
  const pool = new Pool(runtime, tell);
  setInterval(() => pool.watch(), WATCH_MS);

  /** @param {MessageEvent<ToCell>} event */
  port.onmessage = ({ data: message }) => {
    switch (message.type) {
      case "beat":
        return tell(message);
      case "file":
        return runtime.take(message.name, message.bytes);
      case "forget":
        return message.names.forEach((name) => runtime.forget(name));
      case "start":
        return pool.start(message.workers, message.share);
      case "pace":
        return pool.pace(message.share);
      case "look":
        return pool.look(message.on);
      case "task":
        return pool.addTask(message);
      case "work":
        return pool.addWork(message);
      case "revoke":
        return pool.revoke(message);
      case "pause":
        return pool.pause();
      case "resume":
        return pool.resume();
    }
  };
}

/** @param {MessageEvent} event */
function connect(event) {
  if (event.source !== parent || event.origin !== home || event.data?.type !== "connect") return;
  removeEventListener("message", connect);
  open(event.ports[0], event.data);
}

shutTheDoor();
addEventListener("message", connect);
