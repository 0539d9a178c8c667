/**
 * A snapshot as it is served: only what differs from the memory of a fresh instance, which holds the data segments of the
 * WebAssembly module and is zero elsewhere. Less to download, to fetch from the cache, to check and to pass on at every visit.
 * All numbers are 32 bit, little-endian:
 *
 *     size of the whole without the zeros at its end; where memory begins in it (before stands Pyodide's own header); bytes of fresh memory
 *     that are not zero; number of runs; then offset and length of each run; then the runs' bytes, one after the other.
 *
 * What is in the runs are the differences of 32-bit words. `worker/snapshot.js` has the browser's side of `expand` and `addFresh`.
 */
const PAGE = 4096;
const HEAD = 4;

/**
 * @param {Uint8Array} snapshot as Pyodide makes it
 * @param {Uint8Array} fresh the memory of a fresh instance
 * @returns {Uint8Array}
 */
export function pack(snapshot, fresh) {
  const whole = snapshot.slice();
  const start = new Uint32Array(whole.buffer)[1];
  const filled = pageEnd(fresh);
  const words = new Uint32Array(whole.buffer, start, filled / 4);
  new Uint32Array(fresh.buffer, fresh.byteOffset, filled / 4).forEach((word, i) => (words[i] -= word));
  /** @type {[offset: number, end: number][]} */
  const runs = [];
  for (let offset = 0; offset < whole.length; offset += PAGE) {
    const page = whole.subarray(offset, offset + PAGE);
    if (page.every((byte) => byte === 0)) continue;
    const last = runs.at(-1);
    if (last?.[1] === offset) last[1] = offset + page.length;
    else runs.push([offset, offset + page.length]);
  }
  const size = Math.max(runs.at(-1)?.[1] ?? 0, start + filled); // zeros at the end need not even be made again
  const numbers = [size, start, filled, runs.length, ...runs.flatMap(([offset, end]) => [offset, end - offset])];
  const parts = [new Uint8Array(new Uint32Array(numbers).buffer), ...runs.map(([offset, end]) => whole.subarray(offset, end))];
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
 * @returns {{whole: Uint8Array<ArrayBuffer>, addFresh: (memory: ArrayBuffer) => void}} the whole, once `addFresh` was given the memory of the
 *   fresh instance that it is for
 */
export function expand(packed) {
  const copy = packed.slice(); // a Node Buffer may be a view into a shared pool: a copy starts at 0
  const [size, start, filled, count] = new Uint32Array(copy.buffer, 0, HEAD);
  const runs = new Uint32Array(copy.buffer, 4 * HEAD, 2 * count);
  const whole = new Uint8Array(size);
  let at = 4 * HEAD + 8 * count;
  for (let run = 0; run < runs.length; run += 2) {
    whole.set(copy.subarray(at, at + runs[run + 1]), runs[run]);
    at += runs[run + 1];
  }
  const addFresh = (/** @type {ArrayBuffer} */ memory) => {
    const words = new Uint32Array(whole.buffer, start, filled / 4);
    const fresh = new Uint32Array(memory, 0, filled / 4);
    for (let i = 0; i < words.length; i += 1) words[i] += fresh[i];
  };
  return { whole, addFresh };
}

/**
 * Calls `take` with the memory of the next WebAssembly instance that has one, when nothing has run in it yet.
 * @param {(memory: ArrayBuffer) => void} take
 */
export function withFreshMemory(take) {
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = /** @type {typeof instantiate} */ (
    async (/** @type {[any, any]} */ ...source) => {
      const made = await instantiate(...source);
      const memory = (made.instance ?? made).exports.memory;
      if (memory) {
        WebAssembly.instantiate = instantiate; // extension modules come through the same function later
        take(memory.buffer);
      }
      return made;
    }
  );
}

/** @param {Uint8Array} memory */
function pageEnd(memory) {
  let end = memory.length;
  while (end > 0 && memory[end - 1] === 0) end -= 1;
  return Math.ceil(end / PAGE) * PAGE;
}
