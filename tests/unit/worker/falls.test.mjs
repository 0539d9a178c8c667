import assert from "node:assert/strict";
import { test } from "node:test";

import { fall, Pulse } from "../../../worker/falls.js";

test("a cell that answers is there, one that is silent ten times is gone", () => {
  const pulse = new Pulse();
  for (let beat = 0; beat < 100; beat += 1) {
    assert.ok(pulse.ask());
    if (beat % 9 === 0) pulse.answered();
  }
  pulse.answered();
  const asked = Array.from({ length: 11 }, () => pulse.ask());
  assert.deepEqual(asked, [...Array(10).fill(true), false]);
});

test("falls in a row are counted, waited for ever longer, and end", () => {
  const waits = [];
  let fragment = "";
  for (let number = 0; number < 9; number += 1) {
    const next = fall(fragment, 5000, false);
    ({ fragment } = next);
    waits.push(next.wait);
  }
  assert.deepEqual(waits, [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, null]);
  assert.equal(fall(fragment, 5000, true).wait, 10_000);
  assert.deepEqual(fall(fragment, 3_600_000, false), { fragment: "#falls=1", wait: 1000 });
  assert.deepEqual(fall("#falls=nonsense", 5000, false), { fragment: "#falls=1", wait: 1000 });
});
