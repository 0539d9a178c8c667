import assert from "node:assert/strict";
import { test } from "node:test";

Object.assign(globalThis, { addEventListener: () => {} }); // pages are not left here

/** @param {object} navigator what the browser offers */
async function frame(navigator) {
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  return (await import(`../../../worker/slots.js?${Math.random()}`)).claim;
}

const DENIED = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) };

for (const [when, locks] of /** @type {const} */ ([["a browser has no locks", undefined], ["a browser denies its locks", DENIED]])) {
  test(`where ${when}, one frame gets no more than the cores, however often it asks`, async () => {
    const claim = await frame({ hardwareConcurrency: 4, locks });
    assert.equal(await claim(1), 1);
    assert.equal(await claim(4), 3);
    assert.equal(await claim(1), 0);
  });

  test(`where ${when}, one frame gets no more than it asks for`, async () => {
    const claim = await frame({ hardwareConcurrency: 8, locks });
    assert.equal(await claim(1), 1);
    assert.equal(await claim(0), 0);
    assert.equal(await claim(2), 2);
  });
}

test("slots that were got by locks count when the locks are denied later", async () => {
  let times = 0;
  const locks = {
    request: (/** @type {string} */ name, /** @type {object} */ _, /** @type {(lock: object) => unknown} */ use) =>
      times++ === 0 ? Promise.resolve(void use({ name })) : DENIED.request(),
  };
  const claim = await frame({ hardwareConcurrency: 4, locks });
  assert.equal(await claim(1), 1);
  assert.equal(await claim(4), 3);
});
