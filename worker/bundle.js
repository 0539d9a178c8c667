/**
 * Fetches the bundle (see `server/disio/bundle`) through the HTTP cache, and checks every file against its hash.
 */

import { BUNDLE_FILES, WORKER_PARTS, WORKER_SOURCE } from "./channels.js";
import { pause } from "./connection.js";
import { LARGE_BYTES, discard, putUp, takeDown } from "./shelf.js";

/** Files that an interpreter needs to start, in their order; what it needs only then comes when they are here. */
const FIRST = [BUNDLE_FILES.pyodide, BUNDLE_FILES.asm, BUNDLE_FILES.wasm, BUNDLE_FILES.lock, BUNDLE_FILES.snapshot];
const LAST = [BUNDLE_FILES.stdlib];
/** So long, in pauses alone, a distributor is waited for that cannot be reached: a visit is not over because a line is. */
export const PATIENCE_MS = 900_000;
/** So long one is asked again that answers, but has not the file. */
export const SHORT_PATIENCE_MS = 25_000;
/** A download of which nothing comes for so long is begun anew: the line may be dead, and nobody would be told. */
const SILENCE_MS = 45_000;

/**
 * @typedef {{sha256: string, size: number}} FileEntry
 * @typedef {{format: number, id: string, files: Record<string, FileEntry>}} Manifest
 */

/** A file that did not come, or is not what its name says. */
export class FileError extends Error {
  name = "FileError";
}

/** @returns {Promise<Manifest>} */
export async function fetchManifest() {
  return new Response(await fetchBytes("/bundle.json")).json();
}

/**
 * Fetches everything that the cell needs, and hands over each file as soon as it is here and known to be right.
 * @param {Manifest} manifest
 * @param {(name: string, bytes: ArrayBuffer) => void} give
 * @param {import("./tally.js").Tally} tally
 * @throws {FileError}
 */
export async function fetchBundle(manifest, give, tally) {
  const wanted = [...FIRST, ...LAST].reduce((sum, name) => sum + (manifest.files[name]?.size ?? 0), 0);
  await tally.follow(wanted, (onBytes) => fetchParts(manifest, give, onBytes));
}

/**
 * @param {Manifest} manifest
 * @param {(name: string, bytes: ArrayBuffer) => void} give
 * @param {(bytes: number) => void} onBytes
 */
async function fetchParts({ files }, give, onBytes) {
  const fetchAll = (/** @type {string[]} */ names) =>
    Promise.all(names.filter((name) => files[name]).map(async (name) => give(name, await fetchFile(files[name].sha256, { onBytes }))));
  const source = Promise.all(WORKER_PARTS.map((name) => fetchBytes(new URL(name, import.meta.url).pathname)))
    .then((parts) => new Blob(parts).arrayBuffer())
    .then((bytes) => give(WORKER_SOURCE, bytes));
  await Promise.all([source, fetchAll(FIRST)]);
  await fetchAll(LAST);
}

/**
 * How a file is fetched. `origins`: distributors that may have it, the best first, asked for before each try; this bridge's own
 * if it is left out. `onBytes` is told of each piece that comes, and, with a minus, of those that came in vain. `size`: of the file, if
 * it is known. `patience`, `silence`: milliseconds. `rest`: how a pause is spent.
 * @typedef {{size?: number, origins?: () => string[], onBytes?: (bytes: number) => void, patience?: number, silence?: number,
 *   rest?: (ms: number) => Promise<void>}} Way
 */

/**
 * A file by its hash, checked: one of the bundle, a unit's source, or one of a task's kit.
 *
 * Not by `fetch`'s own `integrity`: Chromium keeps the thread for 130 ms to check the snapshot that way, this way for 35.
 * @param {string} sha256 hexadecimal
 * @param {Way} [way]
 * @throws {FileError}
 */
export async function fetchFile(sha256, way) {
  const large = (way?.size ?? 0) >= LARGE_BYTES;
  const kept = large ? await takeDown(sha256) : null;
  if (kept) {
    if (await isRight(kept, sha256)) return kept;
    await discard(sha256);
  }
  const bytes = await fetchBytes(`/files/${sha256}`, way);
  if (!(await isRight(bytes, sha256))) throw new FileError(`the file ${sha256} arrived altered`);
  if (large) await putUp(sha256, bytes);
  return bytes;
}

/**
 * @param {ArrayBuffer} bytes
 * @param {string} sha256
 */
async function isRight(bytes, sha256) {
  if (!globalThis.crypto?.subtle) return true; // a distributor without https: browsers offer no hash there
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  await new Promise((resolve) => setTimeout(resolve)); // checking and posting 30 MB at a stretch would hold up the page
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}

/**
 * @param {string} path
 * @param {Way} [way]
 * @returns {Promise<ArrayBuffer>}
 */
async function fetchBytes(path, { origins = () => [""], onBytes, patience = PATIENCE_MS, silence = SILENCE_MS, rest = sleep } = {}) {
  for (let [attempt, waited] = [1, 0]; ; attempt += 1) {
    const places = origins();
    const line = new Line(silence);
    let come = 0;
    try {
      const response = await fetch(places[(attempt - 1) % places.length] + path, { signal: line.signal });
      if (!response.ok) throw new FileError(`${path}: the distributor answers ${response.status}`, { cause: response.status });
      const count = (/** @type {number} */ bytes) => {
        line.heard();
        come += bytes;
        onBytes?.(bytes);
      };
      return await counted(response, count).arrayBuffer();
    } catch (error) {
      onBytes?.(-come);
      const wait = pause(attempt, Math.random());
      waited += wait;
      if (waited > (isFinal(error) ? Math.min(patience, SHORT_PATIENCE_MS) : patience)) throw error;
      await rest(wait);
    } finally {
      line.close();
    }
  }
}

/** Over which something comes now and then; else its signal aborts. */
class Line {
  #controller = new AbortController();
  #silence;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {number} silence milliseconds */
  constructor(silence) {
    this.#silence = silence;
    this.heard();
  }

  get signal() {
    return this.#controller.signal;
  }

  heard() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(new FileError("nothing came any more")), this.#silence);
  }

  close() {
    clearTimeout(this.#timer);
  }
}

/** @param {number} ms */
const sleep = (ms) => /** @type {Promise<void>} */ (new Promise((resolve) => setTimeout(resolve, ms)));

/**
 * Whether a distributor has answered that it does not give the file; not: that it, or what is before it, is busy or away.
 * @param {unknown} error
 */
function isFinal(error) {
  return error instanceof FileError && Number(error.cause) < 500 && ![408, 429].includes(Number(error.cause));
}

/**
 * @param {Response} response
 * @param {(bytes: number) => void} onBytes
 */
function counted(response, onBytes) {
  /** @type {TransformStream<Uint8Array, Uint8Array>} */
  const counter = new TransformStream({
    transform(piece, sink) {
      onBytes(piece.byteLength);
      sink.enqueue(piece);
    },
  });
  return new Response(response.body?.pipeThrough(counter));
}
