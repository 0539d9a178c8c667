import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../../worker/outbox.js";

/** @param {...number} leases */
const given = (...leases) => leases.map((lease, index) => /** @type {[number, number, number]} */ ([lease, index, 1]));

/**
 * Results whose every byte is the lease.
 * @param {number} size
 * @param {...number} leases
 * @returns {[any[], Uint8Array<ArrayBuffer>]}
 */
const results = (size, ...leases) => [
  leases.map((lease) => [lease, 0, size, 1]),
  Uint8Array.from({ length: size * leases.length }, (_, byte) => leases[Math.floor(byte / size)]),
];

/** @param {{items: any[], parts: Uint8Array[]}} frame */
const leasesOf = ({ items }) => items.map(([lease]) => lease);
/** @param {{items: any[], parts: Uint8Array[]}} frame */
const bytesOf = ({ parts }) => parts.flatMap((part) => [...part]);

test("results gather while a frame is under way, and go together when it is acknowledged", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2, 3));
  outbox.add("a-1", ...results(1, 1));
  assert.deepEqual(outbox.frames().map(leasesOf), [[1]]);
  outbox.add("a-1", ...results(1, 2));
  outbox.add("a-1", ...results(1, 3));
  assert.deepEqual(outbox.frames(), []);
  assert.equal(outbox.acknowledge("a-1", [1]), 1);
  const [frame] = outbox.frames();
  assert.deepEqual(leasesOf(frame), [2, 3]);
  assert.deepEqual(bytesOf(frame), [2, 3]);
});

test("each task has a frame of its own under way", () => {
  const outbox = new Outbox();
  for (const task of ["a-1", "b-1"]) {
    outbox.give(task, given(1));
    outbox.add(task, ...results(1, 1));
  }
  assert.deepEqual(outbox.frames().map(({ task }) => task), ["a-1", "b-1"]);
});

test("a frame partly acknowledged is still under way", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2, 3));
  outbox.add("a-1", ...results(1, 1, 2));
  outbox.frames();
  outbox.acknowledge("a-1", [1]);
  outbox.add("a-1", ...results(1, 3));
  assert.deepEqual(outbox.frames(), []);
  outbox.acknowledge("a-1", [2]);
  assert.deepEqual(outbox.frames().map(leasesOf), [[3]]);
});

test("after a lost connection what is not acknowledged is held, and sent again", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2, 3));
  outbox.add("a-1", ...results(1, 1, 2));
  outbox.frames();
  outbox.disconnected();
  assert.deepEqual(outbox.holding(), { "a-1": [1, 2, 3] });
  assert.deepEqual(outbox.frames().map(leasesOf), [[1, 2]]);
  outbox.acknowledge("a-1", [1, 2]);
  assert.deepEqual(outbox.holding(), { "a-1": [3] });
});

test("results for leases that were never given, or twice, are ignored, with their bytes", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2));
  assert.equal(outbox.add("a-1", ...results(2, 9, 1, 8)), 1);
  assert.equal(outbox.add("a-1", ...results(2, 1, 2)), 1);
  assert.equal(outbox.add("b-1", ...results(2, 2)), 0);
  const [frame] = outbox.frames();
  assert.deepEqual(leasesOf(frame), [1, 2]);
  assert.deepEqual(bytesOf(frame), [1, 1, 2, 2]);
});

test("a frame ends near a mebibyte, and a larger result goes alone", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2, 3, 4));
  outbox.add("a-1", ...results(400_000, 1, 2, 3));
  outbox.add("a-1", ...results(2_000_000, 4));
  const sent = [];
  for (let frames = outbox.frames(); frames.length > 0; frames = outbox.frames()) {
    sent.push(leasesOf(frames[0]));
    assert.equal(bytesOf(frames[0]).length, frames[0].items.reduce((sum, [, , size]) => sum + size, 0));
    outbox.acknowledge("a-1", leasesOf(frames[0]));
  }
  assert.deepEqual(sent, [[1, 2], [3], [4]]);
});

test("a frame has at most 4,096 results", () => {
  const outbox = new Outbox();
  const leases = Array.from({ length: 5000 }, (_, index) => index + 1);
  outbox.give("a-1", given(...leases));
  outbox.add("a-1", ...results(1, ...leases));
  assert.equal(outbox.frames()[0].items.length, 4096);
});

test("long logs count: the head of a frame stays small", () => {
  const outbox = new Outbox();
  const leases = Array.from({ length: 100 }, (_, index) => index + 1);
  outbox.give("a-1", given(...leases));
  const [items, data] = results(1, ...leases);
  outbox.add("a-1", items.map((item) => [...item, "\u0001".repeat(16_384)]), data);
  const [{ items: sent }] = outbox.frames();
  assert.ok(JSON.stringify(sent).length <= 1024 * 1024);
});

test("revoked leases are forgotten, but for those whose results wait: these are told", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2, 3, 4));
  outbox.add("a-1", ...results(2, 1, 2, 3));
  outbox.forget("a-1", [2, 4]);
  assert.equal(outbox.uncomputed, 0);
  assert.deepEqual(outbox.holding(), { "a-1": [1, 2, 3] });
  assert.deepEqual(leasesOf(outbox.frames()[0]), [1, 2, 3]);
  outbox.add("a-1", ...results(2, 4)); // it was nearly done
  assert.equal(outbox.unacknowledged, 3);
});

test("a revoked task leaves nothing behind, not even the frame under way", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2));
  outbox.add("a-1", ...results(1, 1));
  outbox.frames();
  outbox.drop("a-1");
  outbox.disconnected();
  assert.deepEqual(outbox.frames(), []);
  assert.deepEqual(outbox.holding(), {});
  assert.equal(outbox.uncomputed + outbox.unacknowledged, 0);
});

test("it counts what is to be computed and what is to be acknowledged", () => {
  const outbox = new Outbox();
  outbox.give("a-1", given(1, 2, 3));
  outbox.add("a-1", ...results(1, 1));
  assert.equal(outbox.uncomputed, 2);
  assert.equal(outbox.unacknowledged, 1);
});
