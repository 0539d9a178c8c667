/**
 * The badge that the visitor sees while computing, and the panel behind it. It lives in the bridge's frame, out of the site's reach.
 */

import { readLink } from "./options.js";
import { pictureOf } from "./picture.js";

/** @typedef {import("./channels.js").Status} Status */

/** @typedef {(name: string) => string} Words */

const PANEL_WIDTH = 356;
/** A frame that is not wider has not been made as wide as the panel yet. */
const NARROW = 260;
const LANGUAGES = ["en", "de", "fr", "es", "ja", "zh"];

/**
 * @typedef {object} Wishes
 * @property {() => void} pause
 * @property {() => void} resume
 * @property {() => void} stop
 * @property {(open: boolean) => void} look somebody looks at details, or not any more
 * @property {(width: number, height: number) => void} resize so much of the page is needed
 */

/**
 * @typedef {object} About what is computed
 * @property {string} title
 * @property {string} description
 * @property {string} homepage
 */

/**
 * How far a download is that has to be waited for.
 * @typedef {object} Progress
 * @property {number} share 0 to 1
 * @property {[come: number, wanted: number] | null} megabytes of what the task needs; null: of what every task needs
 */

/**
 * The panel's words in a language, those of the site in their place.
 * @param {import("./options.js").Options} options
 * @param {(language: string) => Promise<Record<string, string>>} fetchWords
 * @returns {Promise<Words>}
 */
export async function loadWords({ language, words }, fetchWords) {
  const short = language.toLowerCase().split("-")[0];
  const known = await fetchWords(LANGUAGES.includes(short) ? short : "en");
  return (name) => words[name] ?? known[name] ?? "";
}

/**
 * @param {number} seconds
 * @param {string} language
 */
export function duration(seconds, language) {
  const [value, unit] = seconds < 60 ? [seconds, "second"] : seconds < 3600 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "narrow", maximumFractionDigits: unit === "hour" ? 1 : 0 }).format(value);
}

export class Panel {
  #open = false;
  /** @type {Status | undefined} */
  #status;
  /** @type {Record<string, string>} */
  #shown = {};
  #picture = "";
  /** @type {About} */
  #about = { title: "", description: "", homepage: "" };
  #words;
  #options;
  #wishes;
  #parts;

  /**
   * @param {Words} words
   * @param {import("./options.js").Options} options
   * @param {Wishes} wishes
   */
  constructor(words, options, wishes) {
    this.#words = words;
    this.#options = options;
    this.#wishes = wishes;
    const { documentElement: root, body } = document;
    root.lang = options.language;
    root.dir = /^(ar|fa|he|ur)\b/.test(options.language) ? "rtl" : "ltr";
    if (options.theme) root.dataset.theme = options.theme;
    this.#parts = build(words);
    const { main, pill, hide, first, stop } = this.#parts;
    pill.onclick = () => this.#toggle(true);
    hide.onclick = () => this.#toggle(false);
    first.onclick = () => (["paused", "failed"].includes(this.#status?.state ?? "") ? wishes.resume() : wishes.pause());
    stop.onclick = () => wishes.stop();
    addEventListener("keydown", ({ key }) => {
      if (key === "Escape" && this.#open) this.#toggle(false);
    });
    body.append(main);
    new ResizeObserver(() => this.#measure()).observe(body);
    this.#measure();
  }

  /**
   * @param {Status} status
   * @param {About} about
   * @param {number} share of a core that is used
   * @param {Progress | null} progress
   */
  draw(status, about, share, progress) {
    this.#status = status;
    const { main, actions, bar } = this.#parts;
    const { state, reason, message, acknowledged, seconds } = status;
    const { language } = this.#options;
    main.dataset.state = state;
    const percent = new Intl.NumberFormat(language, { style: "percent" });
    const count = progress ? percent.format(progress.share) : new Intl.NumberFormat(language, { notation: "compact" }).format(acknowledged);
    this.#say("state", this.#words(state));
    this.#say("title", this.#words(state));
    this.#say("count", progress || acknowledged > 0 ? count : "");
    bar.hidden = !progress;
    bar.value = progress?.share ?? 0;
    this.#say("why", progress?.megabytes ? this.#progress(progress.megabytes) : this.#words(reason) || message);
    this.#say("results", new Intl.NumberFormat(language).format(acknowledged));
    this.#say("time", duration(seconds, language));
    this.#say("share", percent.format(share));
    this.#say("first", this.#words(state === "failed" ? "retry" : state === "paused" ? "resume" : "pause"));
    actions.dataset.reason = reason;
    this.#parts.first.hidden = state === "paused" && reason !== "visitor";
    this.#describe(about);
    this.#measure();
  }

  /** @param {unknown} data a picture of a result as the unit gave it; null: none any more */
  picture(data) {
    const picture = pictureOf(data);
    const { image } = this.#parts;
    const before = this.#picture;
    this.#picture = picture ? URL.createObjectURL(picture) : "";
    image.hidden = !picture;
    if (picture) image.src = this.#picture;
    else image.removeAttribute("src");
    if (before) URL.revokeObjectURL(before);
  }

  /** @param {number[]} megabytes */
  #progress(megabytes) {
    const { format } = new Intl.NumberFormat(this.#options.language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    return megabytes.reduce((text, number, index) => text.replace(`{${index}}`, () => format(number)), this.#words("packages"));
  }

  /** @param {About} about */
  #describe(about) {
    if (Object.entries(about).every(([name, value]) => this.#about[/** @type {keyof About} */ (name)] === value)) return;
    if (this.#about.title !== about.title) this.picture(null);
    this.#about = about;
    const { what, link } = this.#parts;
    const [line, ...rest] = about.description.trim().split(/\n\s*\n/);
    this.#say("task", about.title);
    this.#say("description", about.title === line ? (rest[0] ?? "") : line);
    what.hidden = about.title === "";
    const address = this.#options.link || readLink(about.homepage);
    link.hidden = address === "";
    if (address) link.href = address;
  }

  /** @param {boolean} open */
  #toggle(open) {
    this.#open = open;
    const { pill, panel, hide } = this.#parts;
    pill.hidden = open;
    panel.hidden = !open;
    (open ? hide : pill).focus();
    this.#wishes.look(open);
    this.#measure();
  }

  /**
   * Text is set only when it is another: else it would be read aloud again.
   * @param {keyof ReturnType<typeof build>["texts"]} name
   * @param {string} value
   */
  #say(name, value) {
    if (this.#shown[name] === value) return;
    this.#shown[name] = value;
    const part = this.#parts.texts[name];
    part.textContent = value;
    part.hidden = value === "";
  }

  /** Closed, the frame is as wide as the badge; open, as wide as it may be, and then as high as that takes. */
  #measure() {
    const box = document.body.getBoundingClientRect();
    const width = this.#open ? PANEL_WIDTH : Math.ceil(box.width);
    const height = this.#open && innerWidth < NARROW ? innerHeight : Math.ceil(box.height);
    const size = `${width} ${height}`;
    if (this.#shown.size === size) return;
    this.#shown.size = size;
    this.#wishes.resize(width, height);
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {string} className
 * @param {...(Node | string)} children
 */
function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** @param {Words} words */
function build(words) {
  const texts = {
    state: make("b", ""),
    count: make("span", "count"),
    title: make("h2", "title"),
    why: make("p", "why"),
    task: make("h3", ""),
    description: make("p", ""),
    results: make("dd", ""),
    time: make("dd", ""),
    share: make("dd", ""),
    first: make("button", "first"),
  };
  const { first } = texts;
  const pill = make("button", "pill", make("span", "dot"), texts.state, texts.count);
  pill.ariaExpanded = "false";
  pill.title = words("details");
  const hide = make("button", "hide", chevron());
  hide.ariaLabel = hide.title = words("hide");
  hide.ariaExpanded = "true";
  const link = make("a", "", words("project"));
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  const image = make("img", "");
  image.alt = words("picture");
  image.hidden = link.hidden = true;
  const label = make("p", "host", words("about"));
  const what = make("section", "what", label, texts.task, texts.description, make("figure", "", image), link);
  what.ariaLabel = words("about");
  what.hidden = true;
  const bar = make("progress", "");
  bar.ariaLabel = words("loading");
  bar.hidden = true;
  const row = (/** @type {"results" | "time" | "share"} */ name) => make("div", "", make("dt", "", words(name)), texts[name]);
  const stop = make("button", "", words("stop"));
  const actions = make("div", "actions", first, stop);
  const heading = make("div", "", texts.title);
  heading.role = "status";
  heading.style.flex = "1";
  const header = make("header", "", make("span", "dot"), heading, hide);
  const panel = make("div", "panel", header, texts.why, bar, what, make("dl", "", row("results"), row("time"), row("share")), actions);
  panel.append(make("p", "sealed", words("sealed")));
  panel.hidden = true;
  const main = make("main", "", make("h1", "unseen", "Disio"), pill, panel);
  return { main, pill, panel, hide, bar, what, link, image, first, stop, actions, texts };
}

function chevron() {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.ariaHidden = "true";
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", "m6 9 6 6 6-6");
  svg.append(path);
  return svg;
}
