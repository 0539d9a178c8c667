import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Cluster } from "../../../worker/cluster.js";
import { BEAT_SECONDS, PROTOCOL_VERSION } from "../../../worker/messages.js";
import { Connection, pause } from "../../../worker/connection.js";
import { Distributor, WebSocket, WELCOME } from "./distributor.mjs";

/** @type {Distributor} */
let distributor;
/** @type {Connection} */
let connection;
/** @type {any[][]} */
let events;
/** @type {((event: any[]) => void)[]} */
let waiting;

const hello = { type: /** @type {const} */ ("hello"), protocol: PROTOCOL_VERSION, secret: "0".repeat(32), site: "s", agent: /** @type {any} */ ({}), workers: 1, holding: {} };

/** @param {...any} event */
function happened(...event) {
  const waiter = waiting.shift();
  if (waiter) waiter(event);
  else events.push(event);
}

/** @returns {Promise<any[]>} */
const next = async () => events.shift() ?? new Promise((resolve) => waiting.push(resolve));

beforeEach(async () => {
  [events, waiting] = [[], []];
  distributor = await Distributor.open();
  connection = new Connection(
    new Cluster(distributor.origin),
    {
      hello: () => hello,
      onWelcome: (message) => happened("welcome", message.volunteer),
      onMessage: (message, data) => happened(message.type, [...data]),
      onLost: (wait) => happened("lost", wait),
      onEnd: (message) => happened("end", message),
    },
    WebSocket,
  );
  connection.connect();
});

afterEach(() => {
  connection.close();
  distributor.close();
});

test("hello is said first, and nothing can be sent before the welcome", async () => {
  const peer = await distributor.accept();
  assert.equal((await peer.read()).secret, hello.secret);
  assert.equal(connection.send({ type: "credit", window: 1 }), false);
  peer.send(WELCOME);
  assert.deepEqual(await next(), ["welcome", WELCOME.volunteer]);
  assert.equal(connection.send({ type: "credit", window: 7 }), true);
  assert.equal((await peer.read()).window, 7);
});

test("messages arrive with their data", async () => {
  const peer = await distributor.accept();
  peer.send({ type: "work", task: "a-1", items: [[1, 0, 2]] }, new Uint8Array([5, 6]));
  assert.deepEqual(await next(), ["work", [5, 6]]);
});

test("a lost connection is made again, and hello said again", async () => {
  const peer = await distributor.accept();
  peer.send(WELCOME);
  await next();
  peer.socket.terminate();
  assert.equal((await next())[0], "lost");
  const again = await distributor.accept();
  assert.equal((await again.read()).type, "hello");
});

test("connections lost one after the other are tried again less and less often", async () => {
  const waits = [];
  for (let round = 0; round < 3; round += 1) {
    (await distributor.accept()).socket.close(1001);
    waits.push((await next())[1]);
    connection.connect(); // as when the browser says that it is online again
  }
  assert.ok(waits[1] >= 250 && waits[2] >= 500, `${waits}`);
});

test("a refusal that allows no retry ends it, with the distributor's words", async () => {
  const peer = await distributor.accept();
  peer.send({ type: "error", code: "version", message: "speaks version 9", retry: false });
  peer.socket.close(4400);
  assert.deepEqual(await next(), ["end", "speaks version 9"]);
  connection.connect();
  assert.equal(connection.open, false);
});

test("a refusal that allows a retry is followed by one", async () => {
  const peer = await distributor.accept();
  peer.send({ type: "error", code: "busy", message: "full", retry: true });
  peer.socket.close(4429);
  assert.equal((await next())[0], "lost");
  await distributor.accept();
});

test("being replaced by another connection of the same volunteer ends it", async () => {
  (await distributor.accept()).socket.close(4409);
  assert.equal((await next())[0], "end");
});

test("a frame that is no frame of the protocol is answered by closing", async () => {
  const peer = await distributor.accept();
  peer.socket.send("text");
  assert.equal((await peer.closed)[0], 4400);
});

test("when a distributor dies, the next of the cluster is tried within a second", async () => {
  const other = await Distributor.open();
  try {
    const peer = await distributor.accept();
    peer.send(WELCOME);
    await next();
    peer.send({ type: "cluster", distributors: [[distributor.origin, 0], [other.origin, 0.5]] });
    peer.send({ type: "ack", task: "a-1", leases: [] });
    assert.equal((await next())[0], "ack"); // so the list has been read
    distributor.close();
    const [kind, wait] = await next();
    assert.equal(kind, "lost");
    assert.ok(wait <= 250, `${wait}`);
    const again = await other.accept();
    assert.equal((await again.read()).secret, hello.secret);
    again.send(WELCOME);
    assert.equal((await next())[0], "welcome");
  } finally {
    other.close();
  }
});

test("a distributor that falls silent is given up, though its connection stands", { timeout: 60_000 }, async () => {
  const peer = await distributor.accept();
  peer.send(WELCOME);
  await next();
  peer.send({ type: "beat" });
  const begin = Date.now();
  assert.equal((await next())[0], "lost");
  assert.ok(Date.now() - begin > 2 * BEAT_SECONDS * 1000, "not before it has missed some beats");
  await distributor.accept();
});

test("moving to another distributor says hello there, and nothing of a loss", async () => {
  const other = await Distributor.open();
  try {
    const peer = await distributor.accept();
    peer.send(WELCOME);
    await next();
    peer.send({ type: "cluster", distributors: [[distributor.origin, 0], [other.origin, 0]] });
    peer.send({ type: "ack", task: "a-1", leases: [] });
    await next();
    connection.move(other.origin);
    (await other.accept()).send(WELCOME);
    assert.equal((await next())[0], "welcome");
    await peer.closed;
  } finally {
    other.close();
  }
});

test("a closed connection stays closed", async () => {
  const peer = await distributor.accept();
  connection.close();
  await peer.closed;
  connection.connect();
  assert.equal(connection.open, false);
  assert.deepEqual(events, []);
});

test("pauses double up to a minute, each between half and all of its length", () => {
  assert.equal(pause(1, 1), 250);
  assert.equal(pause(1, 0), 125);
  assert.equal(pause(3, 1), 1000);
  assert.equal(pause(50, 1), 60_000);
});
