/**
 * How many interpreters may compute here at once: all frames of this distributor on one site share as many as there are cores.
 * A site that opens a hundred frames gets no more of its visitor's machine than one that opens one.
 */

/** Where a browser has no locks (a distributor without https), each frame counts for itself. */
const cores = () => Math.max(1, navigator.hardwareConcurrency || 1);

/**
 * Slots for so many interpreters, as far as there are any; they are free again when its page is left.
 * @param {number} wanted
 * @returns {Promise<number>} how many were got, perhaps none
 */
export async function claim(wanted) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Math.min(wanted, cores());
  let got = 0;
  try {
    for (let slot = 0; slot < cores() && got < wanted; slot += 1) if (await hold(locks, `disio-worker-${slot}`)) got += 1;
  } catch {
    return Math.min(wanted, cores()); // the browser keeps storage, and locks with it, from frames of other sites
  }
  return got;
}

/**
 * @param {LockManager} locks
 * @param {string} name
 * @returns {Promise<boolean>} whether it is ours now, and until the page is left
 */
function hold(locks, name) {
  return new Promise((resolve, reject) => {
    // Not until the frame is destroyed: a browser may keep a page that was left, for "back".
    const left = new Promise((release) => addEventListener("pagehide", release, { once: true }));
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock && left;
      })
      .catch(reject);
  });
}
