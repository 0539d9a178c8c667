/**
 * How many interpreters may compute here at once: all frames of this distributor on one site share as many as there are cores.
 * A site that opens a hundred frames gets no more of its visitor's machine than one that opens one.
 */

const cores = () => Math.max(1, navigator.hardwareConcurrency || 1);

/** How many this frame has. Where a browser has no locks (a distributor without https) or denies them, each frame counts for itself. */
let here = 0;

/**
 * Slots for so many more interpreters, as far as there are any; they are free again when its page is left.
 * @param {number} wanted
 * @returns {Promise<number>} how many were got, perhaps none
 */
export async function claim(wanted) {
  const locks = globalThis.navigator?.locks;
  const most = Math.min(wanted, cores() - here);
  let got = locks ? 0 : most;
  try {
    for (let slot = 0; locks && slot < cores() && got < most; slot += 1) if (await hold(locks, `disio-worker-${slot}`)) got += 1;
  } catch {
    got = most; // the browser keeps storage, and locks with it, from frames of other sites
  }
  here += got;
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
