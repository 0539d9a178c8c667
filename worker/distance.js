/**
 * How far away a distributor is, in time.
 */

const TRIES = 3;
/** What does not answer in this time is as far away as this. */
const PATIENCE_MS = 3000;

/**
 * @param {string} origin
 * @returns {Promise<number>} milliseconds for a small answer, the best of three
 */
export async function measure(origin) {
  let best = PATIENCE_MS;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const begin = performance.now();
    try {
      const response = await fetch(`${origin}/health`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (response.ok) best = Math.min(best, performance.now() - begin);
    } catch {
      return PATIENCE_MS;
    }
  }
  return best;
}
