/* Disio: visitors of this page may lend computing time to research. Draws a badge; loads nothing else before "Start". */
(() => {
  "use strict";
  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  if ("disio" in window || !script) return;
  const home = new URL(script.src).origin;
  const { consent, workers } = script.dataset;

  const style = `
    :host { all: initial; position: fixed; z-index: 2147483000; right: 16px; bottom: 16px; color-scheme: light dark;
      --ink: light-dark(#1c2733, #e8edf2); --soft: light-dark(#5a6775, #a3b0bd); --paper: light-dark(#fff, #1a222b); --go: light-dark(#0b6b53, #5cd6b0) }
    section { box-sizing: border-box; width: 320px; max-width: calc(100vw - 32px); padding: 14px 16px; border-radius: 14px; color: var(--ink);
      background: var(--paper); border: 1px solid light-dark(#dfe5ea, #33404d); box-shadow: 0 8px 28px #0003; font: 14px/1.45 system-ui, sans-serif }
    b { display: flex; align-items: center; gap: 8px; font-weight: 600 }
    b::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--soft) }
    .computing b::before { background: var(--go) }
    .failed b::before { background: #d0433b }
    p { margin: 6px 0 10px; color: var(--soft); overflow-wrap: anywhere }
    button { font: inherit; font-weight: 600; padding: 5px 14px; margin-right: 8px; border-radius: 8px; border: 1px solid; background: none; color: var(--soft); cursor: pointer }
    button:first-of-type { color: var(--paper); background: var(--go); border-color: var(--go) }
    button:focus-visible { outline: 3px solid var(--go); outline-offset: 2px }
  `;

  /** @type {Record<string, [title: string, text: string, ...buttons: string[]]>} */
  const words = {
    asking: ["Lend a little computing time?", "It helps research while the page is open, in a closed frame that sees neither this site nor your data.", "Start", "No, thanks"],
    loading: ["Getting ready", "", "Pause", "Stop"],
    computing: ["Computing for research", "", "Pause", "Stop"],
    waiting: ["Waiting for work", "", "Pause", "Stop"],
    offline: ["Trying to reconnect", "", "Pause", "Stop"],
    paused: ["Paused", "", "Resume", "Stop"],
    failed: ["Cannot compute here", "", "Try again", "Close"],
  };

  /** @type {import("./channels.js").Status} */
  const fresh = {
    type: "status", state: "loading", message: "", task: "", payloads: 0, failed: 0, acknowledged: 0, memory: 0,
    timings: { bundle: 0, ready: 0, acknowledged: 0, workers: [] },
  };
  /** @type {Omit<typeof fresh, "state"> & {state: string}} */
  let status = { ...fresh, state: "asking" };
  /** @type {HTMLIFrameElement | undefined} */
  let frame;
  /** @type {MessagePort | undefined} */
  let port;
  let patience = 0;

  // An element of its own kind knows when it leaves the page: then the frame inside it, and all computing, is gone too.
  class Badge extends HTMLElement {
    root = this.attachShadow({ mode: "closed" });
    section = document.createElement("section");
    parts = ["b", "p", "button", "button"].map((name) => document.createElement(name));
    constructor() {
      super();
      const sheet = new CSSStyleSheet(); // this and no innerHTML: sites may forbid inline styles and markup
      sheet.replaceSync(style);
      this.root.adoptedStyleSheets = [sheet];
      const [title, , first, second] = this.parts;
      this.section.ariaLabel = "Volunteer computing";
      title.role = "status";
      first.onclick = () => (["asking", "paused", "failed"].includes(status.state) ? disio.start() : disio.pause());
      second.onclick = () => disio.stop();
      this.section.append(...this.parts);
      this.root.append(this.section);
    }
    disconnectedCallback() {
      end();
    }
    draw() {
      const [title, text, ...labels] = words[status.state];
      const counts = `${status.acknowledged.toLocaleString()} results given so far. ${status.task}`;
      [title, status.message || text || counts, ...labels].forEach((value, index) => {
        const part = this.parts[index];
        if (part.textContent !== value) part.textContent = value; // else it would be read aloud again
      });
      this.section.className = status.state;
    }
  }

  function end() {
    clearTimeout(patience);
    frame?.remove();
    port?.close();
    frame = port = undefined;
    show({ ...status, state: "asking", message: "" });
  }

  /** @param {typeof status} next */
  function show(next) {
    const last = status;
    status = next;
    badge.draw();
    const tell = (/** @type {string} */ name) => disio.dispatchEvent(new CustomEvent(name, { detail: disio.status() }));
    if (last.state !== next.state) tell("state");
    if (last.acknowledged < next.acknowledged) tell("acknowledged");
  }

  /** The site's handle: events "state" and "acknowledged", whose detail is the status. */
  class Disio extends EventTarget {
    start() {
      if (status.state === "failed") end();
      if (!badge.isConnected) document.body.append(badge);
      if (port) return port.postMessage({ type: "resume" });
      if (frame) return;
      frame = document.createElement("iframe");
      frame.sandbox.add("allow-scripts", "allow-same-origin");
      frame.allow = "";
      frame.hidden = true;
      frame.title = "Disio";
      frame.src = `${home}/bridge.html${crossOriginIsolated ? "?isolated" : ""}`;
      badge.root.append(frame);
      patience = setTimeout(() => show({ ...status, state: "failed", message: "The project's server cannot be reached." }), 30000);
      show(fresh);
    }
    pause() {
      port?.postMessage({ type: "pause" });
    }
    stop() {
      badge.remove();
    }
    status() {
      return { ...status };
    }
  }

  addEventListener("message", ({ source, origin }) => {
    if (!frame || port || source !== frame.contentWindow || origin !== home) return;
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data }) => {
      clearTimeout(patience);
      show(data);
    };
    frame.contentWindow?.postMessage({ type: "start", workers: Number(workers) || 1 }, home, [channel.port2]);
  });

  customElements.define("disio-badge", Badge);
  const badge = new Badge();
  const disio = new Disio();
  Object.assign(window, { disio });
  const begin = () => {
    document.body.append(badge);
    badge.draw();
    dispatchEvent(new Event("disio:ready"));
    if (consent === "granted") disio.start();
  };
  if (document.body) begin();
  else addEventListener("DOMContentLoaded", begin);
})();
