/** Asks the resolver as a guest does: by UDP and TCP, read by dns-packet. */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import {
  decode,
  type DecodedPacket,
  encode,
  type Packet,
  type RecordType,
  RECURSION_DESIRED,
} from "dns-packet";

const WAIT_MS = 8000;

interface AskOptions {
  readonly type?: RecordType | undefined;
  readonly edns?: number | undefined;
  readonly id?: number | undefined;
}

export function queryFor(name: string, { type = "A", edns, id = 4711 }: AskOptions = {}): Buffer {
  const opt = {
    type: "OPT" as const,
    name: ".",
    udpPayloadSize: edns ?? 0,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const packet: Packet = {
    id,
    type: "query",
    flags: RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: edns === undefined ? [] : [opt],
  };
  return encode(packet);
}

/** The addresses or other data of an answer, with what a test wants of its header. */
interface Reply {
  readonly rcode: number;
  readonly truncated: boolean;
  readonly data: readonly unknown[];
  readonly ttls: readonly number[];
  readonly packet: DecodedPacket;
  readonly bytes: number;
}

export async function ask(port: number, name: string, options: AskOptions = {}): Promise<Reply> {
  return read(await exchange(port, queryFor(name, options)));
}

/** Sends these bytes by UDP; rejects when no answer comes in `waitMs`. */
export function exchange(port: number, message: Buffer, waitMs = WAIT_MS): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error("no answer"));
    }, waitMs);
    socket.once("message", (answer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    });
    socket.send(message, port, "127.0.0.1");
  });
}

/** Sends messages on one connection and collects as many answers, or those that came until the other side closed. */
export function exchangeTcp(port: number, messages: readonly Buffer[]): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const answers: Buffer[] = [];
    let pending = Buffer.alloc(0);
    socket.setTimeout(WAIT_MS, () => socket.destroy(new Error("no answer by TCP")));
    socket.once("error", reject);
    socket.once("close", () => resolve(answers));
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const length = pending.readUInt16BE(0);
        answers.push(pending.subarray(2, 2 + length));
        pending = pending.subarray(2 + length);
      }
      if (answers.length === messages.length) socket.destroy();
    });
    for (const message of messages) socket.write(framed(message));
  });
}

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

export function read(message: Buffer): Reply {
  const packet = decode(message);
  const answers = packet.answers ?? [];
  return {
    rcode: message.readUInt16BE(2) & 0xf,
    truncated: packet.flag_tc,
    data: answers.map((answer) => ("data" in answer ? answer.data : undefined)),
    ttls: answers.map((answer) => ("ttl" in answer ? (answer.ttl ?? 0) : 0)),
    packet,
    bytes: message.length,
  };
}
