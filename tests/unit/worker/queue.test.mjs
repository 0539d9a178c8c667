import assert from "node:assert/strict";
import { test } from "node:test";

import { AnswerError, joinResults, sliceOf, TaskQueue } from "../../../worker/queue.js";

/**
 * @param {number} count
 * @param {number} [size] bytes of each payload
 */
function filled(count, size = 2) {
  const queue = new TaskQueue();
  const items = Array.from({ length: count }, (_, index) => /** @type {[number, number, number]} */ ([100 + index, index, size]));
  queue.add(items, Uint8Array.from({ length: count * size }, (_, byte) => Math.floor(byte / size)));
  return queue;
}

test("before anything is known of a task's cost, a worker gets one payload and no more", () => {
  const queue = filled(50);
  assert.equal(queue.take(0, 1).length, 1);
  assert.equal(queue.take(1, 1).length, 0);
});

test("a worker of short payloads holds two slices, and gets the next when the first is done", () => {
  const queue = filled(1000);
  queue.observe(1, 10);
  const first = queue.take(0, 1).length;
  const second = queue.take(first, 1).length;
  assert.equal(first, 20);
  assert.equal(second, 20);
  assert.equal(queue.take(first + second, 1).length, 0);
  assert.equal(queue.take(second, 1).length, 20);
});

test("a worker of payloads that take seconds holds one at a time", () => {
  const queue = filled(10);
  queue.observe(1, 3000);
  assert.equal(queue.take(0, 1).length, 1);
  assert.equal(queue.take(1, 1).length, 0);
});

test("several workers share what is left", () => {
  const queue = filled(40);
  queue.observe(100, 10);
  assert.equal(queue.take(0, 4).length, 5);
});

test("a slice of large payloads ends at its bytes, and holds at least one", () => {
  const queue = filled(8, 3 * 1024 * 1024);
  queue.observe(10, 1);
  assert.equal(queue.take(0, 1).length, 2);
});

test("payloads keep their bytes and their order through a slice", () => {
  const queue = filled(3);
  queue.observe(10, 1);
  const entries = [...queue.take(0, 1), ...queue.take(0, 1)].slice(0, 2);
  const { items, data } = sliceOf(entries);
  assert.equal(items, "[[0,2],[1,2]]");
  assert.deepEqual([...data], [0, 0, 1, 1]);
});

test("what a worker did not begin comes first again", () => {
  const queue = filled(3);
  const [entry] = queue.take(0, 1);
  queue.putBack([entry]);
  assert.equal(queue.length, 3);
  assert.equal(queue.take(0, 1)[0].lease, 100);
});

test("revoked leases are dropped, suspects too, and told", () => {
  const queue = filled(4);
  queue.suspects.push(...queue.take(0, 1));
  assert.deepEqual(queue.drop(new Set([100, 102, 999])).sort(), [100, 102]);
  assert.equal(queue.length, 2);
  assert.deepEqual(queue.drop(null).sort(), [101, 103]);
  assert.ok(queue.empty);
});

test("thousands of leases taken one by one leave nothing behind", () => {
  const queue = filled(5000);
  for (let lease = 100; lease < 5100; lease += 1) assert.equal(queue.take(0, 1)[0].lease, lease);
  assert.ok(queue.empty);
});

const entries = [10, 11, 12].map((lease, index) => ({ lease, index, payload: new Uint8Array(1) }));

test("a step's results are joined with the leases of its first payloads", () => {
  const results = joinResults('[[0,1,0.5],[1,2,3,"said"]]', new Uint8Array(3), entries, 100);
  assert.deepEqual(results, [[10, 0, 1, 0.5], [11, 1, 2, 3, "said"]]);
});

test("a log with half a character is mended, because the distributor would refuse it", () => {
  const [[, , , , log]] = joinResults('[[0,0,1,"\\ud83d"]]', new Uint8Array(0), entries, 100);
  assert.equal(log, "\ufffd");
});

for (const [name, items, data] of /** @type {[string, any, any][]} */ ([
  ["no JSON", "[", new Uint8Array(0)],
  ["no list", "{}", new Uint8Array(0)],
  ["nothing", "[]", new Uint8Array(0)],
  ["more than was given", "[[0,0,0],[0,0,0],[0,0,0],[0,0,0]]", new Uint8Array(0)],
  ["an unknown outcome", "[[2,0,0]]", new Uint8Array(0)],
  ["a negative size", "[[0,-1,0]]", new Uint8Array(0)],
  ["half a byte", "[[0,0.5,0]]", new Uint8Array(0)],
  ["sizes without data", "[[0,5,0]]", new Uint8Array(4)],
  ["an endless time", "[[0,0,1e999]]", new Uint8Array(0)],
  ["no time", "[[0,0]]", new Uint8Array(0)],
  ["a log that is no text", "[[0,0,0,7]]", new Uint8Array(0)],
  ["items that are none", "[0]", new Uint8Array(0)],
  ["more bytes than the task allows", `[[0,${2 ** 21},0]]`, new Uint8Array(2 ** 21)],
  ["data that is none", "[[0,0,0]]", { byteLength: 0 }],
  ["data with more behind it", "[[0,4,0]]", new Uint8Array(new ArrayBuffer(9), 0, 4)],
])) {
  test(`a worker that answers ${name} is found out`, () => {
    assert.throws(() => joinResults(items, data, entries, 100), AnswerError);
  });
}
