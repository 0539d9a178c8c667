/* Disio: visitors who agree lend computing time to research. Asks them; loads nothing else before they say yes. */
((said) => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  if (!script.isConnected) return; // an application took its tag out while this was on its way
  /** @type {any} */
  const site = window;
  const { src, dataset } = script;
  const { language = said.language } = dataset;
  if (!language.startsWith(said.language) && !/lang=|files\//.test(src)) {
    const again = document.createElement("script"); // the same in the language that the tag names
    again.nonce = script.nonce;
    again.src = src.replace(/\?|$/, `?lang=${language}&`);
    Object.assign(again.dataset, dataset);
    return script.replaceWith(again);
  }
  if (site.disio?.begin) return site.disio.begin(dataset); // an application has put its tag in again

  const sheet = new CSSStyleSheet(); // this and no markup: sites may forbid inline styles
  sheet.replaceSync(`
    :host { all: initial; position: fixed; z-index: 99999; color: light-dark(#456, #abc); --go: light-dark(#065, #5da); --paper: light-dark(#fff, #123) }
    iframe { display: block; border: 0; margin: -8px; max-width: min(100vw - 16px); max-height: min(100dvh - 16px) }
    section:has(+ iframe) { opacity: .6 } /* it stays until the badge is there, and keeps the focus for it */
    section { width: min(306px, 100vw - 66px); max-height: min(100dvh - 66px); overflow: auto; padding: 16px; border-radius: 16px; font: 14px/1.5 system-ui;
      background: var(--paper); border: 1px solid #8884; box-shadow: 0 8px 28px #0003 }
    h2, button { font: 600 14px/1.5 system-ui; margin: 2px 8px 0 0 }
    p { margin: 6px 0 14px; overflow-wrap: anywhere }
    button { padding: 6px 16px; border-radius: 16px; border: 1px solid; background: none; color: inherit; cursor: pointer }
    p + button { color: var(--paper); background: var(--go) }
    button:focus-visible { outline: 3px solid var(--go); outline-offset: 3px }
  `);
  /** @type {Record<string, any>} */
  const defaults = { consent: "ask", badge: "bottom-right", theme: "light dark", distributors: new URL(src).origin };
  /** @type {Record<string, any>} */
  const chosen = {};
  const idle = { state: "idle", reason: "", acknowledged: 0 };
  /** @type {Record<string, any>} */
  let known = idle;
  /** @type {HTMLIFrameElement | undefined} */
  let frame;
  /** @type {MessagePort | undefined} */
  let port;
  /** @type {any} */
  let pressure, own = said, timer = 0, tries = 0;

  // An element of its own kind knows when it leaves the page: then the frame inside it, and all computing, is gone too.
  customElements.define(
    "disio-badge",
    class extends HTMLElement {
      disconnectedCallback() {
        end();
      }
    },
  );
  const [element, card, title, text, yes, no] = "disio-badge section h2 p button button".split(" ").map((name) => document.createElement(name));
  const root = element.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  card.append(title, text, yes, no);
  card.dir = "auto";
  yes.onclick = () => {
    answer("yes");
    handle.start();
  };
  no.onclick = () => handle.stop();

  /** @param {string} [now] to remember, in the site's own storage */
  function answer(now) {
    try {
      if (now) localStorage.disio = `${now} ${Date.now() + chosen.remember * 864e5}`;
      const [before, until] = localStorage.disio.split(" ");
      return until > Date.now() && before;
    } catch {} // nothing is kept here: asked again next time
  }
  /**
   * What is made of an option. Where nothing can be, that is told, once: the default is what was chosen then.
   * @template T
   * @param {string} name
   * @param {(value: any) => T} read
   * @param {string} wanted
   * @returns {T}
   */
  function use(name, read, wanted) {
    try {
      return read(chosen[name] || defaults[name]);
    } catch {
      console.warn(`disio: data-${name}="${chosen[name]}" is ignored: give ${wanted}`);
      return read((chosen[name] = defaults[name]));
    }
  }
  /** @param {Record<string, any>} change */
  function show(change) {
    const last = known;
    known = { ...idle, ...change };
    for (const name in idle) {
      if (last[name] !== known[name]) handle.dispatchEvent(new CustomEvent(name, { detail: { ...known } }));
    }
  }
  function place() {
    /** @param {string} where */
    const move = (where) => {
      const corner = /^(top|bottom)-(left|right)$/.test(where);
      const home = /** @type {Element} */ (document.querySelector(corner ? "body" : where)); // null throws
      if (!home.contains(element)) home.append(element);
      element.style.cssText = (corner ? where.replace("-", ":16px;") + ":16px" : "position:static") + ";color-scheme:" + chosen.theme;
    };
    use("badge", move, "a corner or selector");
  }
  function end() {
    clearTimeout(timer);
    frame?.remove();
    port?.close();
    pressure?.disconnect();
    frame = port = pressure = undefined;
    show(idle); // of a visit that is over nothing is told any more
  }
  /** @param {{source: any}} event */
  function connect({ source }) {
    if (source !== frame?.contentWindow) return;
    port?.close(); // of the bridge before this one: "Try again" loads the frame anew
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data: { type, ...data } }) => {
      clearTimeout(timer);
      if (type === "status") show(data);
      else if (type === "stop") handle.stop();
      else if (frame) {
        frame.width = data.width;
        frame.height = data.height;
        if (root.activeElement === yes) frame.focus();
        card.remove();
      }
    };
    source.postMessage({ type: "start", options: chosen }, frame?.src, [channel.port2]); // to the distributor's origin, whatever is in the frame
    // It tells the page that has the focus, not frames in it.
    pressure ??= site.PressureObserver && new site.PressureObserver((/** @type {any} */ [{ state }]) => port?.postMessage({ type: "pressure", state }));
    pressure?.observe("cpu").catch(() => {});
  }

  /** The site's handle: docs/site-owners.md */
  class Disio extends EventTarget {
    /** @param {...any} items options, or functions that are given this handle */
    push(...items) {
      for (const item of items) item?.call ? item(this) : Object.assign(chosen, item);
    }
    /** @param {DOMStringMap} dataset of the tag */
    begin(dataset) {
      const before = site.disio; // what the site has put there; this handle, which has no options, if the tag is put in again
      site.disio = this;
      this.push(defaults, { language, ...dataset }, ...[before].flat());
      if (!(chosen.remember >= 0)) chosen.remember = 90;
      dispatchEvent(new Event("disio:ready"));
      const way = use("consent", (name) => /** @type {Record<string, () => void>} */ ({ granted: this.start, ask: this.ask, manual() {} })[name].bind(this), "ask, granted or manual");
      if (answer() !== "no") way();
    }
    ask() {
      if (frame || answer() === "yes") return this.start();
      const { workers, cpu, dedicated, remember } = chosen;
      const all = navigator.hardwareConcurrency;
      /** @param {any} said as options.js reads it, so that no more is taken than is named here */
      const number = (said) => +`${said}e0`.replace("%e0", "e-2");
      const cores = Math.max(1, Math.min(all, number(workers) * (/%/.test(workers) ? all : 1)) | 0);
      const share = Math.ceil((Math.max(0.01, Math.min(1, number(cpu))) || (dedicated == null ? 0.5 : 1)) * cores * 100);
      const fill = (given = "{}") => {
        own = { ...said, ...JSON.parse(given) };
        const facts = [chosen.purpose || said.purposes || own.research, share, remember];
        text.textContent = own.text.replace(/{(.)}/g, (/** @type {string} */ _, /** @type {number} */ index) => facts[index]);
      };
      use("words", fill, 'JSON like {"start":"Go"}');
      title.textContent = card.ariaLabel = own.title;
      yes.textContent = own.start;
      no.textContent = own.refuse;
      card.lang = chosen.words ? chosen.language : said.language;
      place();
      root.append(card);
      show({ state: "asking" });
    }
    start() {
      if (answer() === "no") delete localStorage.disio; // the site has asked again
      place();
      if (port) return port.postMessage({ type: "resume" });
      if (frame) return;
      frame = document.createElement("iframe");
      frame.width = frame.height = "1";
      frame.sandbox = "allow-scripts allow-same-origin allow-popups";
      frame.title = "Disio";
      const origins = chosen.distributors.split(" ");
      frame.src = origins[tries++ % origins.length] + "/bridge.html";
      root.append(frame);
      timer = setTimeout(() => {
        end();
        if (tries % origins.length) return this.start();
        title.textContent = own.unreachable;
        show({ state: "failed" });
      }, origins[1] ? 7e3 : 3e4);
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
      card.remove();
      element.remove();
    }
    status() {
      return { ...known };
    }
  }
  const handle = new Disio();
  const go = () => handle.begin(dataset);
  addEventListener("message", connect);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", go);
  else go();
})(DISIO_SAID);
