/**
 * Half of a snapshot is pages of zeros, which fresh memory holds anyway. What is served leaves them out: less to fetch from
 * the cache, to check and to pass on at every visit. All numbers are 32 bit, little-endian:
 *
 *     size of the whole without the zeros at its end, number of runs, then offset and length of each run; then the runs' bytes, one after the other.
 *
 * `worker/worker.js` has the browser's side of `expand`.
 */
const PAGE = 4096;

/**
 * @param {Uint8Array} whole
 * @returns {Uint8Array} without the pages of zeros
 */
export function pack(whole) {
  /** @type {[offset: number, end: number][]} */
  const runs = [];
  for (let offset = 0; offset < whole.length; offset += PAGE) {
    const page = whole.subarray(offset, offset + PAGE);
    if (page.every((byte) => byte === 0)) continue;
    const last = runs.at(-1);
    if (last?.[1] === offset) last[1] = offset + page.length;
    else runs.push([offset, offset + page.length]);
  }
  const size = runs.at(-1)?.[1] ?? 0; // zeros at the end need not even be made again
  const head = new Uint8Array(new Uint32Array([size, runs.length, ...runs.flatMap(([offset, end]) => [offset, end - offset])]).buffer);
  const parts = [head, ...runs.map(([offset, end]) => whole.subarray(offset, end))];
  const packed = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
  }
  return packed;
}

/**
 * @param {Uint8Array} packed
 * @returns {Uint8Array<ArrayBuffer>} the whole
 */
export function expand(packed) {
  const words = new Uint32Array(packed.slice(0, 8).buffer);
  const runs = new Uint32Array(packed.slice(8, 8 + 8 * words[1]).buffer);
  const whole = new Uint8Array(words[0]);
  let at = 8 + 8 * words[1];
  for (let run = 0; run < runs.length; run += 2) {
    whole.set(packed.subarray(at, at + runs[run + 1]), runs[run]);
    at += runs[run + 1];
  }
  return whole;
}
