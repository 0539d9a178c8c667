import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { after, test } from "node:test";

import { fetchFile, FileError, PATIENCE_MS, SHORT_PATIENCE_MS } from "../../../worker/bundle.js";

const FILE = Buffer.alloc(100_000, "disio");
const SHA256 = createHash("sha256").update(FILE).digest("hex");

/** What the pauses come to; they pass at once. */
let waited = 0;
const rest = async (/** @type {number} */ ms) => {
  waited += ms;
};

/**
 * A distributor that answers each request by the next of these, and by the last for ever.
 * @param {...(response: import("node:http").ServerResponse) => void} answers
 */
async function distributor(...answers) {
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    (answers.length > 1 ? answers.shift() : answers[0])?.(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  after(() => server.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  waited = 0;
  return { way: { origins: () => [`http://127.0.0.1:${port}`], rest }, requests: () => requests };
}

/** @typedef {import("node:http").ServerResponse} Answer */
const whole = (/** @type {Answer} */ response) => response.end(FILE);
const away = (/** @type {Answer} */ response) => response.socket?.destroy();
const half = (/** @type {Answer} */ response) => {
  response.writeHead(200, { "Content-Length": FILE.length });
  response.write(FILE.subarray(0, FILE.length / 2), () => response.socket?.destroy());
};
const status = (/** @type {number} */ code) => (/** @type {Answer} */ response) => response.writeHead(code).end();

test("a distributor that is away for minutes is waited for, with pauses that grow", async () => {
  const { way, requests } = await distributor(...Array(14).fill(away), status(502), status(429), whole);
  assert.deepEqual(Buffer.from(await fetchFile(SHA256, way)), FILE);
  assert.equal(requests(), 17);
  assert.ok(waited > 180_000 && waited <= PATIENCE_MS, `${waited} ms`);
});

test("a distributor that never comes back is given up in the end, a file that it has not much sooner", async () => {
  const gone = await distributor(away);
  await assert.rejects(fetchFile(SHA256, gone.way), TypeError);
  assert.ok(waited > PATIENCE_MS - 60_000 && waited <= PATIENCE_MS, `${waited} ms`);
  const without = await distributor(status(404));
  await assert.rejects(fetchFile(SHA256, without.way), FileError);
  assert.ok(waited <= SHORT_PATIENCE_MS, `${waited} ms`);
});

test("a line that falls silent is given up, before and amid the file, and the file begun anew", async () => {
  const silent = () => {};
  const stalled = (/** @type {Answer} */ response) => {
    response.writeHead(200, { "Content-Length": FILE.length });
    response.write(FILE.subarray(0, FILE.length / 2));
  };
  const { way, requests } = await distributor(silent, stalled, whole);
  assert.deepEqual(Buffer.from(await fetchFile(SHA256, { ...way, silence: 200 })), FILE);
  assert.equal(requests(), 3);
});

test("a line that is slow and never silent is not given up", async () => {
  const slow = async (/** @type {Answer} */ response) => {
    response.writeHead(200, { "Content-Length": FILE.length });
    for (let start = 0; start < FILE.length; start += FILE.length / 10) {
      response.write(FILE.subarray(start, start + FILE.length / 10));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    response.end();
  };
  const { way, requests } = await distributor(slow);
  assert.deepEqual(Buffer.from(await fetchFile(SHA256, { ...way, silence: 500 })), FILE);
  assert.equal(requests(), 1);
});

test("what came of a file that was cut is taken back from what is shown", async () => {
  const { way } = await distributor(half, half, whole);
  let [shown, least] = [0, 0];
  const onBytes = (/** @type {number} */ bytes) => {
    shown += bytes;
    least = Math.min(least, shown);
  };
  assert.deepEqual(Buffer.from(await fetchFile(SHA256, { ...way, onBytes })), FILE);
  assert.deepEqual([shown, least], [FILE.length, 0]);
});
