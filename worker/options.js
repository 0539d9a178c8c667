/**
 * What a site has asked for with its tag, made safe to use: everything here is text or numbers from a page that may be anyone's. Pure.
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
 * @returns {Options}
 */
export function readOptions(given, cores) {
  /** @type {Record<string, unknown>} */
  const table = typeof given === "object" && given !== null ? { ...given } : {};
  const text = (/** @type {string} */ name) => String(table[name] ?? "").trim();
  const theme = text("theme");
  const dedicated = table.dedicated !== undefined;
  return {
    workers: readWorkers(text("workers"), cores),
    share: readShare(text("cpu")) ?? (dedicated ? 1 : null),
    tasks: readNames(text("tasks")),
    language: /^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/.test(text("language")) ? text("language") : "en",
    theme: theme === "light" || theme === "dark" ? theme : "",
    mains: text("power") === "mains",
    dedicated,
    link: readLink(text("link")),
    words: readWords(text("words")),
  };
}

/**
 * A number, or a share of the cores with a percent sign; at least one worker.
 * @param {string} text
 * @param {number} cores
 */
function readWorkers(text, cores) {
  const number = Number.parseFloat(text);
  const workers = text.endsWith("%") ? (Math.min(number, 100) / 100) * cores : number;
  return Math.min(MAX_WORKERS, Math.max(1, Math.floor(workers) || 1));
}

/** @param {string} text */
function readShare(text) {
  const share = Number.parseFloat(text);
  return share >= 0 ? Math.min(1, Math.max(LEAST_SHARE, share)) : null;
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

/** @param {string} text */
function readWords(text) {
  try {
    const entries = Object.entries(JSON.parse(text)).filter(([, value]) => typeof value === "string");
    return Object.fromEntries(entries.map(([name, value]) => [name, String(value).slice(0, 500)]));
  } catch {
    return {};
  }
}
