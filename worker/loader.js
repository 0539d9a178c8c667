/* Disio: visitors who agree lend computing time to research. Asks them; loads nothing else before they say yes. */
((said) => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  if (!script.isConnected) return; // an application took its tag out while this was on its way
  /** @type {any} */
  const site = window;
  const { src, dataset } = script;
  const { origin: home } = new URL(src);
  const { language = said.language } = dataset;
  if (!language.startsWith(said.language) && /js$/.test(src)) {
    const again = document.createElement("script"); // the same in the language that the tag names
    again.nonce = script.nonce;
    again.src = `${src}?lang=${language}`;
    Object.assign(again.dataset, dataset);
    return script.replaceWith(again);
  }
  if (site.disio?.begin) return site.disio.begin(dataset); // an application has put its tag in again

  const style = `
    :host { all: initial; position: fixed; z-index: 99999; color: light-dark(#456, #abc); --go: light-dark(#065, #5da); --paper: light-dark(#fff, #1a222b) }
    iframe { display: block; border: 0; margin: -8px; width: 1px; height: 1px; max-width: calc(100vw - 16px); max-height: calc(100vh - 16px) }
    section { box-sizing: border-box; width: 340px; max-width: calc(100vw - 32px); padding: 16px; border-radius: 16px; font: 14px/1.5 system-ui;
      background: var(--paper); border: 1px solid #8884; box-shadow: 0 8px 28px #0003 }
    h2 { font-size: 15px; margin: 0 }
    p { margin: 6px 0 14px; overflow-wrap: anywhere }
    button { font: inherit; font-weight: 600; padding: 6px 16px; margin: 2px 8px 0 0; border-radius: 16px; border: 1px solid; background: none; color: inherit }
    p + button { color: var(--paper); background: var(--go); border-color: var(--go) }
    button:focus-visible { outline: 3px solid var(--go); outline-offset: 3px }
  `;
  const idle = { state: "idle", reason: "", acknowledged: 0 };
  /** @type {Record<string, any>} */
  let status = idle;
  /** @type {Record<string, any>} */
  const options = {};
  /** @type {HTMLIFrameElement | undefined} */
  let frame;
  /** @type {MessagePort | undefined} */
  let port;
  /** @type {any} */
  let pressure;
  let patience = 0;
  let tries = 0;

  // An element of its own kind knows when it leaves the page: then the frame inside it, and all computing, is gone too.
  customElements.define(
    "disio-badge",
    class extends HTMLElement {
      disconnectedCallback() {
        end();
      }
    },
  );
  const [badge, section, title, text, yes, no] = ["disio-badge", "section", "h2", "p", "button", "button"].map((name) => document.createElement(name));
  const root = badge.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // this and no markup: sites may forbid inline styles
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  section.append(title, text, yes, no);
  section.dir = "auto";
  yes.onclick = () => {
    answer("yes");
    section.style.opacity = "0.6"; // it stays until the badge is there, and keeps the focus for it
    disio.start();
  };
  no.onclick = () => disio.stop();

  /** @param {string} [now] to remember, in the site's own storage */
  function answer(now) {
    try {
      if (now) localStorage.disio = `${now} ${Date.now() + options.remember * 864e5}`;
      const [before, until] = localStorage.disio.split(" ");
      return until > Date.now() && before;
    } catch {} // nothing is kept here: asked again next time
  }
  /** @param {Record<string, any>} change */
  function show(change) {
    const last = status;
    status = { ...status, ...change };
    for (const name of ["state", "reason", "acknowledged"]) {
      if (change[name] && last[name] !== change[name]) disio.dispatchEvent(new CustomEvent(name, { detail: disio.status() }));
    }
  }
  function place() {
    const { badge: where, theme } = options;
    const own = /^\w/.test(where) ? null : document.querySelector(where);
    badge.style.cssText = `color-scheme:${theme};${own ? "position:static" : where.replace("-", ":16px;") + ":16px"}`;
    if (!badge.isConnected) (own ?? document.body).append(badge);
  }
  function end() {
    clearTimeout(patience);
    removeEventListener("message", connect);
    frame?.remove();
    port?.close();
    pressure?.disconnect();
    frame = port = pressure = undefined;
    status = {}; // of a visit that is over nothing is told any more
    show(idle);
  }
  /** @param {MessageEvent} event */
  function connect({ source, origin }) {
    if (!frame || source !== frame.contentWindow || !frame.src.startsWith(origin + "/")) return;
    port?.close(); // of the bridge before this one: "Try again" loads the frame anew
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data }) => {
      clearTimeout(patience);
      if (data.type === "status") show(data);
      else if (data.type === "stop") disio.stop();
      else if (frame) {
        frame.style.width = data.width + "px";
        frame.style.height = data.height + "px";
        if (root.activeElement === yes) frame.focus();
        section.remove();
      }
    };
    frame.contentWindow?.postMessage({ type: "start", options }, origin, [channel.port2]);
    if (!site.PressureObserver || pressure) return; // it tells the page that has the focus, not frames in it
    pressure = new site.PressureObserver((/** @type {any} */ [{ state }]) => port?.postMessage({ type: "pressure", state }));
    pressure.observe("cpu").catch(() => {});
  }

  /** The site's handle: docs/site-owners.md */
  class Disio extends EventTarget {
    /** @param {...any} items options, or functions that are given this handle */
    push(...items) {
      for (const item of items) typeof item === "function" ? item(this) : Object.assign(options, item);
    }
    /** @param {DOMStringMap} dataset of the tag @param {any} [before] what the site has put into `window.disio` */
    begin(dataset, before) {
      this.push({ consent: "ask", badge: "bottom-right", theme: "light dark", distributors: home, language, ...dataset }, ...[before].flat());
      if (!(options.remember >= 0)) options.remember = 90;
      dispatchEvent(new Event("disio:ready"));
      if (options.consent === "granted") this.start();
      else if (options.consent === "ask" && answer() !== "no") this.ask();
    }
    ask() {
      if (frame || answer() === "yes") return this.start();
      const { words, workers, cpu, remember } = options;
      const all = navigator.hardwareConcurrency;
      const cores = Math.max(1, Math.min(all, parseInt(workers) * (/%/.test(workers) ? all / 100 : 1)) | 0);
      const share = Math.ceil((cpu >= 0 ? Math.min(1, cpu) : 0.5) * cores * 100) || 1;
      const facts = [options.purpose || said.purposes.join("; ") || said.research, share, remember];
      const own = { ...said, ...(words && JSON.parse(words)) };
      title.textContent = section.ariaLabel = own.title;
      text.textContent = own.text.replace(/{(.)}/g, (/** @type {string} */ _, /** @type {number} */ index) => facts[index]);
      yes.textContent = own.start;
      no.textContent = own.refuse;
      section.lang = (words ? options : said).language;
      section.style.opacity = "";
      place();
      root.append(section);
      show({ state: "asking" });
    }
    start() {
      place();
      if (port) return port.postMessage({ type: "resume" });
      if (frame) return;
      frame = document.createElement("iframe");
      frame.sandbox.add("allow-scripts", "allow-same-origin", "allow-popups");
      frame.title = "Disio";
      const homes = options.distributors.split(" ");
      frame.src = `${homes[tries++ % homes.length]}/bridge.html${crossOriginIsolated ? "?isolated" : ""}`;
      addEventListener("message", connect);
      root.append(frame);
      patience = setTimeout(() => {
        end();
        if (tries % homes.length) return this.start();
        section.style.opacity = "";
        title.textContent = said.failed;
        show({ state: "failed" });
      }, homes[1] ? 7e3 : 3e4);
      show({ state: "loading" });
    }
    resume() {
      this.start();
    }
    pause() {
      port?.postMessage({ type: "pause" });
    }
    /** The visitor does not want to, or not any more. */
    stop() {
      answer("no");
      this.remove();
    }
    /** Out of the page; what the visitor has answered stays. */
    remove() {
      section.remove();
      badge.remove();
    }
    status() {
      return { ...status };
    }
  }
  const disio = new Disio();
  const begin = () => {
    const before = site.disio;
    site.disio = disio;
    disio.begin(dataset, before);
  };
  if (document.body) begin();
  else addEventListener("DOMContentLoaded", begin);
})(DISIO_SAID);
