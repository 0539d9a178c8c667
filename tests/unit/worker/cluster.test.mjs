import assert from "node:assert/strict";
import { test } from "node:test";

import { Cluster } from "../../../worker/cluster.js";

const [A, B, C] = ["https://a.test", "https://b.test", "https://c.test"];

/** A cluster of three, of which A is in use. @param {[number, number, number]} [loads] */
function three([a, b, c] = [0, 0, 0]) {
  const cluster = new Cluster(A);
  cluster.update([[A, a], [B, b], [C, c]]);
  return cluster;
}

test("alone, the only distributor is tried again and again, and each try counts", () => {
  const cluster = new Cluster(A);
  assert.deepEqual([cluster.lost(), cluster.lost(), cluster.current], [1, 2, A]);
  cluster.stood();
  assert.equal(cluster.lost(), 1);
});

test("a lost distributor is followed by one that has not failed, without a pause", () => {
  const cluster = three();
  assert.equal(cluster.lost(), 0);
  assert.equal(cluster.current, B);
  assert.equal(cluster.lost(), 0);
  assert.equal(cluster.current, C);
  assert.equal(cluster.lost(), 1, "all have failed once: now there is a pause");
});

test("the nearest and least loaded comes first", () => {
  const cluster = three([0, 0.9, 0]);
  cluster.measured(B, 10);
  cluster.measured(C, 20);
  cluster.lost();
  assert.equal(cluster.current, C, "B is nearer, but nearly full");
});

test("a distributor that works is left only for one that is much better", () => {
  const cluster = three();
  for (const [origin, ms] of /** @type {[string, number][]} */ ([[A, 50], [B, 30], [C, 40]])) cluster.measured(origin, ms);
  assert.equal(cluster.better(), undefined);
  cluster.measured(C, 5);
  assert.equal(cluster.better(), C);
  cluster.move(C);
  assert.equal(cluster.current, C);
  assert.equal(cluster.better(), undefined);
});

test("one that has failed is no better choice", () => {
  const cluster = three();
  cluster.lost();
  cluster.measured(A, 1);
  cluster.measured(B, 100);
  assert.equal(cluster.better(), undefined);
});

test("origins that this page cannot reach, and what is none, are left out", () => {
  const cluster = new Cluster(A);
  cluster.update([["http://plain.test", 0], ["no address", 0], [B, Number.NaN]]);
  assert.deepEqual(cluster.origins, [A, B]);
});

test("who is not in the list any more is forgotten, but never the one in use", () => {
  const cluster = three();
  cluster.update([[B, 0]]);
  assert.deepEqual(cluster.origins, [A, B]);
});
