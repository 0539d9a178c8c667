/** A WebSocket server that a test drives by hand, in the distributor's place: the real one is Python, and tested there. */
import { once } from "node:events";
import { createRequire } from "node:module";

import { PROTOCOL_VERSION } from "../../../worker/messages.js";

const { WebSocketServer, WebSocket } = createRequire(new URL("../../../worker/package.json", import.meta.url))("ws");

export { WebSocket };

/** @param {object} message @param {Uint8Array} [data] */
export function frame(message, data = new Uint8Array(0)) {
  const head = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, data]);
}

export const WELCOME = { type: "welcome", protocol: PROTOCOL_VERSION, volunteer: "0123456789abcdef", distributor: "d", bundle: "b" };

/** One connection from a volunteer, its messages read one by one. */
class Peer {
  #waiting = /** @type {any[]} */ ([]);
  #readers = /** @type {((message: any) => void)[]} */ ([]);

  constructor(socket) {
    this.socket = socket;
    this.closed = once(socket, "close");
    socket.on("message", (/** @type {Buffer} */ bytes) => {
      const end = 4 + bytes.readUInt32LE(0);
      const message = { ...JSON.parse(bytes.subarray(4, end).toString()), data: [...bytes.subarray(end)] };
      const reader = this.#readers.shift();
      if (reader) reader(message);
      else this.#waiting.push(message);
    });
  }

  /** @returns {Promise<any>} the next message, its data as `data` */
  read() {
    if (this.#waiting.length > 0) return Promise.resolve(this.#waiting.shift());
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  /** Messages that came and were not read. */
  get unread() {
    return this.#waiting.length;
  }

  /** @param {object} message @param {Uint8Array} [data] */
  send(message, data) {
    this.socket.send(frame(message, data));
  }
}

export class Distributor {
  #peers = /** @type {Peer[]} */ ([]);
  #acceptors = /** @type {((peer: Peer) => void)[]} */ ([]);

  constructor(server) {
    this.server = server;
    this.origin = `http://127.0.0.1:${server.address().port}`;
    server.on("connection", (/** @type {any} */ socket) => {
      const peer = new Peer(socket);
      const acceptor = this.#acceptors.shift();
      if (acceptor) acceptor(peer);
      else this.#peers.push(peer);
    });
  }

  static async open() {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    return new Distributor(server);
  }

  /** @returns {Promise<Peer>} the next connection */
  accept() {
    const peer = this.#peers.shift();
    return peer ? Promise.resolve(peer) : new Promise((resolve) => this.#acceptors.push(resolve));
  }

  close() {
    for (const client of this.server.clients) client.terminate();
    this.server.close();
  }
}
