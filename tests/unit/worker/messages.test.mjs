import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { MAX_FRAME_BYTES, pack, ProtocolError, unpack } from "../../../worker/messages.js";

const fixtures = JSON.parse(readFileSync(new URL("../../fixtures/protocol.json", import.meta.url), "utf8"));

/** @param {string} text base64 */
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));

for (const { name, direction, head, data, frame } of fixtures) {
  if (direction === "to") {
    test(`${name}: the distributor's frame is read as the message and data it was made from`, () => {
      const read = unpack(bytes(frame).buffer);
      assert.deepEqual(read.message, head);
      assert.deepEqual(Buffer.from(read.data), Buffer.from(bytes(data)));
    });
  } else {
    test(`${name}: this side's frame has the same head and data as the distributor expects`, () => {
      const [ours, theirs] = [pack(head, [bytes(data)]), bytes(frame)].map((whole) => {
        const end = 4 + new DataView(whole.buffer).getUint32(0, true);
        return { head: JSON.parse(Buffer.from(whole.subarray(4, end)).toString()), data: Buffer.from(whole.subarray(end)) };
      });
      assert.deepEqual(ours, theirs);
    });
  }
}

test("data given in parts stands in the frame as one", () => {
  const frame = pack({ type: "results", task: "a-1", items: [[1, 0, 3, 0.5]] }, [new Uint8Array([1]), new Uint8Array([2, 3])]);
  assert.deepEqual([...frame.subarray(-3)], [1, 2, 3]);
});

test("a frame larger than the protocol allows is not made", () => {
  assert.throws(() => pack({ type: "credit", window: 1 }, [new Uint8Array(MAX_FRAME_BYTES)]), ProtocolError);
});

const head = (/** @type {string} */ text) => {
  const encoded = new TextEncoder().encode(text);
  const frame = new Uint8Array(4 + encoded.length);
  new DataView(frame.buffer).setUint32(0, encoded.length, true);
  frame.set(encoded, 4);
  return frame.buffer;
};

for (const [name, frame] of /** @type {[string, unknown][]} */ ([
  ["a text message", "hello"],
  ["three bytes", new ArrayBuffer(3)],
  ["a head longer than the frame", new Uint8Array([255, 0, 0, 0, 1]).buffer],
  ["no JSON", head("{")],
  ["bytes that are no UTF-8", new Uint8Array([1, 0, 0, 0, 255]).buffer],
  ["null", head("null")],
  ["an unknown message", head('{"type":"surprise"}')],
  ["sizes without data", head('{"type":"work","task":"a-1","items":[[1,0,5]]}')],
])) {
  test(`${name} is a protocol error`, () => {
    assert.throws(() => unpack(frame), ProtocolError);
  });
}
