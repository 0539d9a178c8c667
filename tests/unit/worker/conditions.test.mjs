import assert from "node:assert/strict";
import { test } from "node:test";

import { reasonToRest, usualShare } from "../../../worker/conditions.js";

const FINE = { hidden: false, saver: false, battery: null, pressed: false };
const battery = (/** @type {boolean} */ charging, /** @type {number} */ level) => ({ charging, level });

test("nothing speaks against computing on an ordinary desktop", () => {
  assert.equal(reasonToRest(FINE, false), "");
  assert.equal(reasonToRest({ ...FINE, battery: battery(true, 0.1) }, true), "");
});

test("a page in the background, data saver, a low battery and a busy device do", () => {
  assert.equal(reasonToRest({ ...FINE, hidden: true }, false), "hidden");
  assert.equal(reasonToRest({ ...FINE, saver: true }, false), "saver");
  assert.equal(reasonToRest({ ...FINE, battery: battery(false, 0.39) }, false), "battery");
  assert.equal(reasonToRest({ ...FINE, battery: battery(false, 0.41) }, false), "");
  assert.equal(reasonToRest({ ...FINE, pressed: true }, false), "pressure");
});

test("where only mains power will do, a browser that does not tell is not trusted to have it", () => {
  assert.equal(reasonToRest(FINE, true), "mains");
  assert.equal(reasonToRest({ ...FINE, battery: battery(false, 1) }, true), "mains");
});

test("a desktop gives more of a core than what may run on a battery, and that more than a telephone", () => {
  assert.equal(usualShare(battery(true, 1), false), 0.5);
  for (const other of [null, battery(false, 1), battery(true, 0.9)]) assert.equal(usualShare(other, false), 0.3);
  assert.equal(usualShare(battery(true, 1), true), 0.2);
});

test("it goes on 20 seconds after the device was last called busy", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  if (!globalThis.navigator) Object.assign(globalThis, { navigator: { userAgent: "node" } });
  Object.assign(globalThis, { document: Object.assign(new EventTarget(), { hidden: false }) });
  const { Conditions } = await import("../../../worker/conditions.js");
  const conditions = new Conditions();
  const seen = /** @type {string[]} */ ([]);
  conditions.onChange = () => seen.push(conditions.reason);
  conditions.pressure("fair");
  assert.equal(conditions.reason, "");
  conditions.pressure("serious");
  conditions.pressure("nominal");
  mock.timers.tick(15_000);
  conditions.pressure("critical");
  conditions.pressure("fair");
  mock.timers.tick(19_000);
  assert.equal(conditions.reason, "pressure");
  mock.timers.tick(1_000);
  assert.equal(conditions.reason, "");
  assert.equal(seen.at(-1), "");
});
