/**
 * Large files on the visitor's disk: a browser's HTTP cache takes none of more than some ten megabytes, so these would be
 * fetched again at every visit. Where there is no Cache API (no https), they are.
 */

/** Smaller files are left to the HTTP cache. */
export const LARGE_BYTES = 24 * 1024 * 1024;
const NAME = "disio";
/** So many are kept; the one that was put first goes first. */
const MOST = 4;

/**
 * @param {string} sha256
 * @returns {Promise<ArrayBuffer | null>} as it was kept: not checked yet
 */
export async function takeDown(sha256) {
  try {
    const kept = await (await caches.open(NAME)).match(`/files/${sha256}`);
    return kept ? await kept.arrayBuffer() : null;
  } catch {
    return null;
  }
}

/**
 * Keep a file, if the browser lets us; somebody who has little room on the disk loses nothing else by it.
 * @param {string} sha256
 * @param {ArrayBuffer} bytes
 */
export async function putUp(sha256, bytes) {
  try {
    const shelf = await caches.open(NAME);
    const kept = await shelf.keys();
    for (const request of kept.slice(0, Math.max(0, kept.length - MOST + 1))) await shelf.delete(request);
    await shelf.put(`/files/${sha256}`, new Response(bytes));
  } catch {
    // no room: it is fetched again next time
  }
}

/** @param {string} sha256 */
export async function discard(sha256) {
  await (await caches.open(NAME)).delete(`/files/${sha256}`);
}
