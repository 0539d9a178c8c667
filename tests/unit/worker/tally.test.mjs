import assert from "node:assert/strict";
import { test } from "node:test";

import { Tally } from "../../../worker/tally.js";

test("what several downloads bring is counted together, until the last of them has ended", async () => {
  let changes = 0;
  const tally = new Tally();
  tally.onChange = () => void (changes += 1);
  /** @type {(() => void)[]} */
  const ends = [];
  const download = (/** @type {number} */ bytes) => (/** @type {(bytes: number) => void} */ onBytes) => {
    onBytes(bytes);
    return /** @type {Promise<void>} */ (new Promise((end) => ends.push(end)));
  };
  const both = [tally.follow(100, download(30)), tally.follow(50, download(20))];
  assert.deepEqual([tally.come, tally.wanted, changes], [50, 150, 2]);
  ends[0]();
  await both[0];
  assert.deepEqual([tally.come, tally.wanted], [50, 150]);
  ends[1]();
  await both[1];
  assert.deepEqual([tally.come, tally.wanted, changes], [0, 0, 4]);
});

test("pieces in vain are taken back, and no download brings more than its size", async () => {
  const tally = new Tally();
  await tally.follow(100, async (onBytes) => {
    onBytes(60);
    onBytes(-60);
    assert.equal(tally.come, 0);
    onBytes(170);
    assert.equal(tally.come, 100);
  });
});

test("a download that fails is not waited for any more, and its error is told", async () => {
  const tally = new Tally();
  await assert.rejects(tally.follow(10, () => Promise.reject(new Error("cut"))), /cut/);
  assert.equal(tally.wanted, 0);
});
