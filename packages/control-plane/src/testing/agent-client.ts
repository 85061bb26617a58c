/** A client of an agent's socket that knows no more of it than its bytes. */
import { Encoder } from "cbor-x";
import { expect } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "./eventually.ts";

const CBOR = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false });

interface Told {
  readonly id: number;
  readonly flags: number;
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read into payloads of every shape
  readonly payload: any;
}

export class AgentClient {
  readonly socket: WebSocket;
  readonly frames: Told[] = [];
  range: readonly [number, number] | undefined;
  #rest = Buffer.alloc(0);

  constructor(url: string, key: string, protocols: string[] = []) {
    const headers = { authorization: `Bearer ${key}` };
    this.socket = new WebSocket(url.replace("http", "ws"), protocols, { headers });
    this.socket.on("message", (data: Buffer) => this.#read(data, protocols.length > 0));
    this.socket.on("error", () => undefined);
  }

  send(of: number, type: string, payload: object, isSplit = false): void {
    const message = CBOR.encode({ v: 7, t: type, p: CBOR.encode(payload) });
    const head = Buffer.alloc(9);
    head.writeUInt32BE(5 + message.length, 0);
    head.writeUInt32BE(of, 4);
    const bytes = Buffer.concat([head, message]);
    if (isSplit) for (const byte of bytes) this.socket.send(Buffer.of(byte));
    else this.socket.send(bytes);
  }

  async told(type: string): Promise<Told> {
    await eventually(() => expect(this.frames.map((frame) => frame.type)).toContain(type));
    return this.frames.find((frame) => frame.type === type) as Told;
  }

  #read(data: Buffer, isFlat: boolean): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    if (this.range === undefined && !isFlat) {
      this.range = [this.#rest.readUInt32BE(0), this.#rest.readUInt32BE(4)];
      this.#rest = this.#rest.subarray(8);
    }
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readUInt32BE(0)) {
      const end = 4 + this.#rest.readUInt32BE(0);
      const { t: type, p } = CBOR.decode(this.#rest.subarray(9, end)) as { t: string; p: Buffer };
      const [of, flags] = [this.#rest.readUInt32BE(4), this.#rest.readUInt8(8)];
      this.frames.push({ id: of, flags, type, payload: CBOR.decode(p) });
      this.#rest = this.#rest.subarray(end);
    }
  }
}
