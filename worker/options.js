/**
 * What a site has asked for with its tag, made safe to use: everything here is text or numbers from a page that may be anyone's. Pure,
 * but for telling the site's owner of what is of no use: in the console, a line for each option.
 */

const MAX_WORKERS = 64;
const LEAST_SHARE = 0.01;
const MAX_NAMES = 32;

/**
 * @typedef {object} Options
 * @property {number} workers interpreters that compute at the same time
 * @property {number | null} share of each one's time that is spent computing, 0.01 to 1; null: what suits this device
 * @property {string[]} tasks names or ids of the only tasks to compute; none: any
 * @property {string} language of the panel, as BCP 47
 * @property {"light" | "dark" | ""} theme
 * @property {boolean} mains compute on mains power only
 * @property {boolean} dedicated a machine of the site's own that is there to compute: it never pauses by itself
 * @property {string} link the project's page
 * @property {Record<string, string>} words that replace ours
 */

/**
 * @param {unknown} given by the page
 * @param {number} cores of this device
 * @param {(line: string) => void} [tell] of an option that is ignored
 * @returns {Options}
 */
export function readOptions(given, cores, tell = console.warn) {
  /** @type {Record<string, unknown>} */
  const table = typeof given === "object" && given !== null ? { ...given } : {};
  const exact = (/** @type {string} */ name) => String(table[name] ?? "");
  const text = (/** @type {string} */ name) => exact(name).trim();
  /**
   * @template T
   * @param {string} name
   * @param {T | undefined} value undefined: nothing can be made of what was given
   * @param {string} wanted
   */
  const use = (name, value, wanted) => {
    const said = exact(name).replace(/\s+/g, " ").slice(0, 500);
    if (value === undefined && said.trim()) tell(`disio: data-${name}="${said}" is ignored: give ${wanted}`);
    return value;
  };
  const dedicated = (table.dedicated ?? null) !== null;
  return {
    workers: use("workers", readWorkers(exact("workers"), cores), "a number, or a share of the cores like 50%") ?? 1,
    share: use("cpu", readShare(exact("cpu")), "a share of a core, 0.01 to 1 or 20%") ?? (dedicated ? 1 : null),
    tasks: readNames(text("tasks")),
    language: use("language", readLanguage(text("language")), "a language like de or pt-BR") ?? "en",
    theme: use("theme", readTheme(text("theme")), "light or dark") ?? "",
    mains: use("power", text("power") === "mains" || undefined, "mains, or leave it out") ?? false,
    dedicated,
    link: use("link", readLink(text("link")) || undefined, "the address of a page, like https://example.org") ?? "",
    words: use("words", readWords(text("words")), 'JSON like {"start":"Go"}') ?? {},
  };
}

/**
 * A number, or hundredths with a percent sign. The loader reads alike (`ask`), so that no more is taken than its question names.
 * @param {string} text
 * @returns {number} NaN: it is none, or only begins like one
 */
function readNumber(text) {
  return Number(`${text}e0`.replace("%e0", "e-2"));
}

/**
 * A number, or a share of the cores with a percent sign; at least one worker.
 * @param {string} text
 * @param {number} cores
 */
function readWorkers(text, cores) {
  const number = readNumber(text);
  const workers = text.endsWith("%") ? Math.min(number, 1) * cores : number;
  return Number.isNaN(workers) ? undefined : Math.min(MAX_WORKERS, Math.max(1, Math.floor(workers)));
}

/** @param {string} text */
function readShare(text) {
  const share = readNumber(text);
  return Number.isNaN(share) ? undefined : Math.min(1, Math.max(LEAST_SHARE, share));
}

/** @param {string} text */
function readLanguage(text) {
  return /^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/.test(text) ? text : undefined;
}

/**
 * @param {string} text
 * @returns {Options["theme"] | undefined} empty: the browser's
 */
function readTheme(text) {
  if (text === "light" || text === "dark") return text;
  return ["", "light dark"].includes(text) ? "" : undefined;
}

/** @param {string} text names with commas between them */
function readNames(text) {
  const names = text.split(",").map((name) => name.trim().slice(0, 200));
  return names.filter(Boolean).slice(0, MAX_NAMES);
}

/**
 * An address that may stand behind a link: of the web, and nothing else.
 * @param {string} text
 * @returns {string} empty: none
 */
export function readLink(text) {
  if (!URL.canParse(text)) return "";
  const { protocol, href } = new URL(text);
  return protocol === "https:" || protocol === "http:" ? href : "";
}

/** @param {string} text a table of texts, as the loader wants it too */
function readWords(text) {
  if (!text.startsWith("{")) return undefined;
  try {
    const entries = Object.entries(JSON.parse(text));
    if (!entries.every(([, value]) => typeof value === "string")) return undefined;
    return Object.fromEntries(entries.map(([name, value]) => [name, String(value).slice(0, 500)]));
  } catch {
    return undefined;
  }
}
