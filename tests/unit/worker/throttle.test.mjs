import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const source = readFileSync(new URL("../../../worker/throttle.js", import.meta.url), "utf8");

/** @param {number} share */
function throttled(share) {
  const throttle = runInNewContext(`${source}; new Throttle()`);
  throttle.share = share;
  return throttle;
}

/**
 * Computes in steps for a while, with timers that come late; the part of the time that was spent computing.
 * @param {any} throttle
 * @param {() => number} stepMs
 * @param {number} forMs
 * @param {() => number} lateMs
 */
function run(throttle, stepMs, forMs, lateMs = () => 0) {
  let [now, computed] = [1000, 0];
  while (now < 1000 + forMs) {
    const ms = stepMs();
    throttle.spent(now, now + ms);
    computed += ms;
    now += ms;
    const rest = throttle.owed(now);
    if (rest > 0) now += rest + lateMs();
  }
  return computed / (now - 1000);
}

test("over 30 seconds the share is what was asked for, though timers come late", () => {
  for (const share of [0.05, 0.2, 0.3, 0.5, 0.8]) {
    for (const stepMs of [() => 1, () => 50, () => 20 + 60 * Math.random()]) {
      const found = run(throttled(share), stepMs, 30_000, () => 12 * Math.random());
      assert.ok(Math.abs(found / share - 1) < 0.02, `${share}: ${found}`);
    }
  }
});

test("a payload of five seconds is followed by the rest that it owes", () => {
  const throttle = throttled(0.25);
  throttle.spent(1000, 6000);
  assert.ok(Math.abs(throttle.owed(6000) - 15_000) <= 100);
  assert.equal(throttle.owed(21_000), 0);
});

test("a whole core never rests", () => {
  assert.equal(run(throttled(1), () => 50, 10_000), 1);
});

test("time without work is not saved up", () => {
  const throttle = throttled(0.5);
  throttle.spent(0, 50);
  throttle.spent(60_000, 61_000);
  assert.ok(throttle.owed(61_000) >= 900);
});

test("after a pause nothing is owed", () => {
  const throttle = throttled(0.1);
  throttle.spent(1000, 6000);
  throttle.forgive();
  assert.equal(throttle.owed(6000), 0);
});
