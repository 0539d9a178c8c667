import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Cluster } from "../../../worker/cluster.js";
import { Volunteer } from "../../../worker/volunteer.js";
import { Distributor, WebSocket, WELCOME } from "./distributor.mjs";

const TASK = {
  type: "task", task: "a-1", name: "n", filename: "unit.py", description: "Adds.", unit: "f".repeat(64), timeout: 3, max_result_bytes: 10,
};

/** @type {Distributor} */
let distributor;
/** @type {Volunteer} */
let volunteer;
/** @type {any[]} */
let told;
/** @type {((message: any) => void)[]} */
let waiting;
/** @type {(sha256: string) => Promise<ArrayBuffer>} */
let fetchFile;

/** @param {string} text */
const bytesOf = (text) => /** @type {ArrayBuffer} */ (new TextEncoder().encode(text).buffer);

/** @returns {Promise<any>} what the cell is told next */
const cell = async () => told.shift() ?? new Promise((resolve) => waiting.push(resolve));

/** Results whose data is the leases. @param {...number} leases */
const results = (...leases) => ({
  type: /** @type {const} */ ("results"), task: "a-1", ms: 10, memory: 1024,
  items: leases.map((lease) => /** @type {[number, number, number, number]} */ ([lease, 0, 1, 1])), data: Uint8Array.from(leases),
});

beforeEach(async () => {
  [told, waiting] = [[], []];
  fetchFile = async (sha256) => bytesOf(`source ${sha256}`);
  distributor = await Distributor.open();
  volunteer = new Volunteer({
    cluster: new Cluster(distributor.origin),
    site: "example.org",
    agent: { browser: "node", version: "", platform: "" },
    tasks: [],
    workers: 1,
    fetchFile: (sha256) => fetchFile(sha256),
    bundle: Promise.resolve("b".repeat(64)),
    tellCell: (message) => {
      const waiter = waiting.shift();
      if (waiter) waiter(message);
      else told.push(message);
    },
    onChange: () => {},
    WebSocket,
  });
  volunteer.connect();
});

afterEach(() => {
  volunteer.close();
  distributor.close();
});

async function welcomed() {
  const peer = await distributor.accept();
  const hello = await peer.read();
  peer.send(WELCOME);
  return { peer, hello };
}

/** @param {...number} leases */
async function working(...leases) {
  const { peer } = await welcomed();
  peer.send(TASK, new Uint8Array([9]));
  peer.send({ type: "work", task: "a-1", items: leases.map((lease, index) => [lease, index, 1]) }, new Uint8Array(leases.length));
  assert.equal((await cell()).type, "task");
  assert.equal((await cell()).type, "work");
  return peer;
}

test("nothing is asked for before the cell is ready", async () => {
  const { peer, hello } = await welcomed();
  assert.match(hello.secret, /^[0-9a-f]{32}$/);
  assert.equal(hello.site, "example.org");
  peer.send({ type: "revoke", task: "a-1", leases: [1] });
  await cell();
  assert.equal(peer.unread, 0);
  volunteer.ready();
  assert.deepEqual(await peer.read(), { type: "credit", window: 2, data: [] });
});

test("the cell gets a task with its source before the task's work, however long the source takes", async () => {
  const { peer } = await welcomed();
  /** @type {(source: ArrayBuffer) => void} */
  let arrive = () => {};
  fetchFile = () => new Promise((resolve) => (arrive = resolve));
  peer.send(TASK, new Uint8Array([1, 2]));
  peer.send({ type: "work", task: "a-1", items: [[5, 0, 1]] }, new Uint8Array([7]));
  peer.send({ type: "revoke", task: "a-1", leases: [6] });
  const first = cell();
  while (volunteer.uncomputed === 0) await new Promise(setImmediate);
  arrive(bytesOf("def run(payload): ..."));
  const task = await first;
  assert.equal(task.source, "def run(payload): ...");
  assert.deepEqual([...task.params], [1, 2]);
  assert.equal(task.maxResultBytes, 10);
  assert.deepEqual([...(await cell()).data], [7]);
  assert.equal((await cell()).type, "revoke");
});

test("results go to the distributor, count when acknowledged, and one frame is under way at a time", async () => {
  const peer = await working(1, 2, 3);
  volunteer.fromCell(results(1));
  volunteer.fromCell(results(2));
  volunteer.fromCell(results(3));
  assert.deepEqual((await peer.read()).data, [1]);
  assert.equal(peer.unread, 0);
  assert.equal(volunteer.acknowledged, 0);
  peer.send({ type: "ack", task: "a-1", leases: [1] });
  assert.deepEqual((await peer.read()).data, [2, 3]);
  assert.equal(volunteer.acknowledged, 1);
  assert.equal(volunteer.computed, 3);
});

test("after a reconnect, leases are told as held and results without acknowledgement are sent again", async () => {
  const peer = await working(1, 2);
  volunteer.fromCell(results(1));
  const { type } = await peer.read();
  assert.equal(type, "results");
  peer.socket.terminate();
  const { peer: again, hello } = await welcomed();
  assert.deepEqual(hello.holding, { "a-1": [1, 2] });
  assert.deepEqual((await again.read()).data, [1]);
  again.send({ type: "ack", task: "a-1", leases: [1] });
  volunteer.fromCell(results(2));
  assert.deepEqual((await again.read()).data, [2]);
});

test("what was computed while there was no connection is sent when there is one", async () => {
  const peer = await working(1, 2);
  peer.socket.terminate();
  await peer.closed;
  while (volunteer.connected) await new Promise(setImmediate);
  volunteer.fromCell(results(1));
  volunteer.fromCell(results(2));
  const { peer: again } = await welcomed();
  assert.deepEqual((await again.read()).data, [1, 2]);
});

test("rejected results are forgotten, and do not count", async () => {
  const peer = await working(1, 2);
  volunteer.fromCell(results(1));
  await peer.read();
  peer.send({ type: "ack", task: "a-1", leases: [], rejected: { 1: "cancelled" } });
  volunteer.fromCell(results(2));
  assert.deepEqual((await peer.read()).data, [2]);
  assert.equal(volunteer.acknowledged, 0);
});

test("a task told again after a reconnect is not given to the cell again", async () => {
  const peer = await working(1);
  peer.send(TASK, new Uint8Array([9]));
  peer.send({ type: "work", task: "a-1", items: [[2, 1, 1]] }, new Uint8Array(1));
  assert.equal((await cell()).type, "work");
});

test("a pause takes the window to nothing, and what the cell returns is given back", async () => {
  const peer = await working(1, 2);
  volunteer.ready();
  await peer.read();
  volunteer.pause();
  assert.equal((await cell()).type, "pause");
  assert.equal((await peer.read()).window, 0);
  volunteer.fromCell({ type: "returned", task: "a-1", leases: [1, 2] });
  assert.deepEqual((await peer.read()).leases, [1, 2]);
  assert.equal(volunteer.uncomputed, 0);
  volunteer.resume();
  assert.equal((await cell()).type, "resume");
  assert.equal((await peer.read()).window, 2);
});

test("a source that does not come is asked for again, on another connection", async () => {
  const { peer } = await welcomed();
  fetchFile = () => Promise.reject(new Error("gone"));
  peer.send(TASK, new Uint8Array(0));
  await peer.closed;
  fetchFile = async () => bytesOf("source");
  const { peer: again } = await welcomed();
  again.send(TASK, new Uint8Array(0));
  assert.equal((await cell()).source, "source");
});

test("a cell that cannot compute ends the visit, and says why", async () => {
  const { peer } = await welcomed();
  volunteer.fromCell({ type: "failed", message: "no WebAssembly here" });
  await peer.closed;
  assert.deepEqual([volunteer.failure, volunteer.ended], ["boot", "no WebAssembly here"]);
});
