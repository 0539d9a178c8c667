import assert from "node:assert/strict";
import { test } from "node:test";

import { Credit } from "../../../worker/credit.js";

test("before anything is computed, two leases for each worker are wanted", () => {
  assert.equal(new Credit(1).window, 2);
  assert.equal(new Credit(3).window, 6);
});

test("the window is two seconds of computing for each worker", () => {
  const credit = new Credit(2);
  credit.computed(100, 1000);
  assert.equal(credit.window, 400);
});

test("long payloads leave the least window, trivial ones the largest", () => {
  const credit = new Credit(1);
  credit.computed(1, 60_000);
  assert.equal(credit.window, 2);
  const other = new Credit(1);
  other.computed(100_000, 1);
  assert.equal(other.window, 4096);
});

test("what was computed lately counts most", () => {
  const credit = new Credit(1);
  credit.computed(10, 10_000);
  for (let step = 0; step < 1000; step += 1) credit.computed(5, 50);
  assert.ok(credit.window > 180 && credit.window <= 200, `${credit.window}`);
});

test("payloads of megabytes keep the window small", () => {
  const credit = new Credit(1);
  credit.computed(1000, 100);
  credit.received(4, 16 * 1024 * 1024);
  assert.equal(credit.window, 8);
});

test("the distributor is told of the first window, of large changes and of pauses, and of nothing else", () => {
  const credit = new Credit(1);
  assert.equal(credit.change(false), null);
  assert.equal(credit.change(true), 2);
  assert.equal(credit.change(true), null);
  credit.computed(10, 1000);
  assert.equal(credit.change(true), 20);
  credit.computed(11, 1000);
  assert.equal(credit.change(true), null);
  assert.equal(credit.change(false), 0);
  assert.equal(credit.change(false), null);
  assert.equal(credit.change(true), 21);
});

test("a new connection is told the window anew", () => {
  const credit = new Credit(1);
  credit.change(true);
  credit.disconnected();
  assert.equal(credit.change(true), 2);
});
