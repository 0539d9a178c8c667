/**
 * Fetches the bundle (see `server/disio/bundle`) through the HTTP cache, and checks every file against its hash.
 */

import { BUNDLE_FILES, WORKER_SOURCE } from "./channels.js";

/** Files in the order in which an interpreter needs them. */
const ORDER = [BUNDLE_FILES.pyodide, BUNDLE_FILES.asm, BUNDLE_FILES.wasm, BUNDLE_FILES.lock, BUNDLE_FILES.stdlib, BUNDLE_FILES.snapshot];
const TRIES = 4;
const PAUSE_MS = 500;

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
 * Fetches everything that the cell needs. Files are handed over as they come; whether they are right is known at the end,
 * and only then may work be asked for.
 * @param {Manifest} manifest
 * @param {(name: string, bytes: ArrayBuffer) => void} give
 * @throws {FileError}
 */
export async function fetchBundle(manifest, give) {
  const names = ORDER.filter((name) => manifest.files[name]);
  const checks = /** @type {Promise<void>[]} */ ([]);
  const files = names.map(async (name) => {
    const { sha256 } = manifest.files[name];
    const bytes = await fetchBytes(`/files/${sha256}`);
    checks.push(check(bytes, sha256)); // copies at once what it reads, so the bytes may go on
    give(name, bytes);
  });
  const source = fetchBytes(`/worker/${WORKER_SOURCE}`).then((bytes) => give(WORKER_SOURCE, bytes));
  await Promise.all([source, ...files]);
  await Promise.all(checks);
}

/**
 * The text of a file named by its hash: a unit's source.
 * @param {string} sha256
 * @throws {FileError}
 */
export async function fetchText(sha256) {
  const bytes = await fetchBytes(`/files/${sha256}`);
  await check(bytes, sha256);
  return new TextDecoder().decode(bytes);
}

/**
 * @param {string} path
 * @returns {Promise<ArrayBuffer>}
 */
async function fetchBytes(path) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(path);
      if (!response.ok) throw new FileError(`${path}: the distributor answers ${response.status}`);
      return await response.arrayBuffer();
    } catch (error) {
      if (attempt === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * 2 ** attempt * Math.random()));
    }
  }
}

/**
 * @param {ArrayBuffer} bytes
 * @param {string} sha256 hexadecimal
 */
async function check(bytes, sha256) {
  if (!globalThis.crypto?.subtle) return; // a page without https: browsers offer no hash there
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new FileError(`the file ${sha256} arrived altered (${found})`);
}
