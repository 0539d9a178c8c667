/**
 * Messages between a volunteer's bridge and a distributor: this side's copy of `server/disio/wire/volunteer.py`.
 *
 * Every WebSocket message is one binary frame: the length of its head (4 bytes, little-endian), the head (a JSON object with
 * a `type`), then the data: the bytes that the head's sizes speak of, one after the other. `docs/protocol.md` tells the order
 * of things; `tests/fixtures/protocol.json` is checked against both sides.
 */

export const PROTOCOL_VERSION = 2;
/** No frame is larger, in either direction. */
export const MAX_FRAME_BYTES = 20 * 1024 * 1024;
export const MAX_HEAD_BYTES = 2 * 1024 * 1024;
/** Leases or results in one frame. */
export const MAX_ITEMS = 8192;
/** A distributor says something at least so often. */
export const BEAT_SECONDS = 5;
/** Leases that one volunteer may hold unfinished. */
export const MAX_WINDOW = 4096;
/** No state that is kept for others to go on from is larger. */
export const MAX_STATE_BYTES = 1024 * 1024;
/** What a unit tells while it computes. */
export const MAX_EVENT_BYTES = 16 * 1024;
/** ... and how often, in one worker, beside a burst of four times as many. */
export const EVENTS_A_SECOND = 5;
/** Characters of what a unit printed, in one result. */
export const MAX_LOG_CHARACTERS = 65536;

export const ANSWERED = 0;
export const FAILED = 1;

/**
 * One payload on its way in: lease, index in its task, bytes; and bytes of the state behind it, if another volunteer began it.
 * @typedef {[lease: number, index: number, size: number, state?: number]} LeaseItem
 */

/**
 * One result on its way back: lease, outcome (0 answered, 1 failed), bytes, milliseconds of computing, what was printed.
 * @typedef {[lease: number, outcome: number, size: number, ms: number, log?: string]} ResultItem
 */

/**
 * What a task needs beside its unit's source. Packages, a snapshot for one bundle, shared data by name; the unit's dotted
 * name, if it is a module of one of the packages.
 * @typedef {{sha256: string, size: number}} FileRef
 * @typedef {{packs?: (FileRef & {name: string, version?: string})[], snapshot?: FileRef & {bundle: string},
 *   data?: Record<string, FileRef>, module?: string, lock?: FileRef}} Kit
 */

/** @typedef {{browser: string, version: string, platform: string}} Agent */

/**
 * @typedef {{type: "hello", protocol: number, secret: string, site: string, agent: Agent, workers: number,
 *   holding: Record<string, number[]>, tasks: string[], key?: string}} Hello
 * @typedef {{type: "credit", window: number}} Credit
 * @typedef {{type: "results", task: string, items: ResultItem[]}} Results
 * @typedef {{type: "checkpoint", task: string, lease: number, size: number}} Checkpoint a state to go on from; never acknowledged
 * @typedef {{type: "event", task: string, lease: number, size: number}} Event what a unit tells; never acknowledged
 * @typedef {{type: "return", task: string, leases: number[]}} Return
 * @typedef {Hello | Credit | Results | Checkpoint | Event | Return} ToDistributor
 */

/**
 * @typedef {{type: "welcome", protocol: number, volunteer: string, distributor: string, bundle: string}} Welcome
 * @typedef {{type: "cluster", distributors: [url: string, load: number][]}} ClusterNews load: 0 to 1
 * @typedef {{type: "beat"}} Beat
 * @typedef {{type: "task", task: string, name: string, filename: string, description: string, unit: string,
 *   timeout: number, max_result_bytes: number, kit?: Kit, homepage?: string}} Task
 * @typedef {{type: "work", task: string, items: LeaseItem[]}} Work
 * @typedef {{type: "ack", task: string, leases: number[], rejected?: Record<string, string>}} Ack
 * @typedef {{type: "revoke", task: string, leases?: number[]}} Revoke
 * @typedef {{type: "error", code: string, message: string, retry?: boolean}} Refusal
 * @typedef {Welcome | ClusterNews | Beat | Task | Work | Ack | Revoke | Refusal} FromDistributor
 */

/** A frame that is no frame of this protocol. */
export class ProtocolError extends Error {
  name = "ProtocolError";
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const KNOWN = new Set(["welcome", "cluster", "beat", "task", "work", "ack", "revoke", "error"]);

/**
 * One frame from a message and the data its sizes speak of.
 * @param {ToDistributor | FromDistributor} message
 * @param {Uint8Array[]} [parts] the data, in order
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {ProtocolError} it would be larger than is allowed
 */
export function pack(message, parts = []) {
  const head = encoder.encode(JSON.stringify(message));
  const size = parts.reduce((sum, part) => sum + part.byteLength, 4 + head.byteLength);
  if (size > MAX_FRAME_BYTES || head.byteLength > MAX_HEAD_BYTES) {
    throw new ProtocolError(`a ${message.type} frame of ${size} bytes is larger than the protocol allows`);
  }
  const frame = new Uint8Array(size);
  new DataView(frame.buffer).setUint32(0, head.byteLength, true);
  frame.set(head, 4);
  let end = 4 + head.byteLength;
  for (const part of parts) {
    frame.set(part, end);
    end += part.byteLength;
  }
  return frame;
}

/**
 * The message of a frame from the distributor, and where in the frame its data begins.
 * @param {unknown} frame what the WebSocket gave
 * @returns {{message: FromDistributor, data: Uint8Array<ArrayBuffer>}} `data` is a view into the frame
 * @throws {ProtocolError} not a frame, not JSON, an unknown message, or sizes that do not add up to the data
 */
export function unpack(frame) {
  if (!(frame instanceof ArrayBuffer)) throw new ProtocolError("a message arrived that is no binary frame");
  if (frame.byteLength < 4) throw new ProtocolError("the frame is shorter than its 4 bytes of head length");
  const end = 4 + new DataView(frame).getUint32(0, true);
  if (end > frame.byteLength) throw new ProtocolError("the head is longer than the frame");
  /** @type {FromDistributor} */
  let message;
  try {
    message = JSON.parse(decoder.decode(new Uint8Array(frame, 4, end - 4)));
  } catch (error) {
    throw new ProtocolError(`the head is no JSON: ${error}`);
  }
  if (typeof message !== "object" || message === null || !KNOWN.has(message.type)) {
    throw new ProtocolError("the head is no message of this protocol");
  }
  const data = new Uint8Array(frame, end);
  if (message.type === "work" && sizeOfWork(message.items) !== data.byteLength) {
    throw new ProtocolError("the sizes of the payloads do not add up to the data");
  }
  return { message, data };
}

/**
 * How many bytes of data belong to these leases.
 * @param {ReadonlyArray<LeaseItem>} items
 */
export function sizeOfWork(items) {
  let sum = 0;
  for (const [, , size, state = 0] of items) sum += size + state;
  return sum;
}

/**
 * How many bytes of data belong to these results.
 * @param {ReadonlyArray<ResultItem>} items
 */
export function sizeOf(items) {
  let sum = 0;
  for (const item of items) sum += item[2];
  return sum;
}
