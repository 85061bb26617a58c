/**
 * Frames between a volume server and whoever has its port, as docs/volume-server.md draws them. Here is the end that a guest's
 * agent has.
 */

export const WIRE = {
  HELLO: 1,
  WELCOME: 2,
  OPEN: 3,
  OPENED: 4,
  CLOSE: 5,
  FUSE: 6,
} as const;

const MAGIC = Buffer.from("FVFS");
const END = Buffer.from("VEND");
const VERSION = 1;
const HEADER_BYTES = 32;
/** 256 KiB of data and what goes with them. */
const MAX_PAYLOAD_BYTES = 256 * 1024 + 4096;
const MARKER = Buffer.from("FASTVM-FS-V0001\n");
const NONCE_BYTES = 16;
/** Behind the nonce: whether we know nothing of an earlier session, and seven zeros. */
const WELCOME_TAIL = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

export interface Frame {
  readonly kind: number;
  readonly channel: number;
  readonly number: bigint;
  readonly payload: Buffer;
}

export function encodeFrame({ kind, channel, number, payload }: Frame, received: bigint): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt8(kind, 4);
  header.writeUInt8(VERSION, 5);
  header.writeUInt16LE(channel, 6);
  header.writeUInt32LE(payload.length, 8);
  header.writeBigUInt64LE(number, 16);
  header.writeBigUInt64LE(received, 24);
  return Buffer.concat([header, payload, END]);
}

/** The answer to a HELLO; `undefined` for what is none. */
export function welcomeTo(hello: Buffer): Buffer | undefined {
  if (!hello.subarray(0, MARKER.length).equals(MARKER)) return undefined;
  const nonce = hello.subarray(MARKER.length, MARKER.length + NONCE_BYTES);
  return Buffer.concat([MARKER, nonce, WELCOME_TAIL]);
}

/** Takes bytes as they come and gives whole frames; skips what comes before the first. */
export class FrameReader {
  #pending = Buffer.alloc(0);
  #isInStep = false;

  take(bytes: Uint8Array): Frame[] {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    if (!this.#isInStep) this.#skip();
    const { length } = this.#pending;
    if (length < HEADER_BYTES) return undefined;
    const size = this.#pending.readUInt32LE(8);
    const isFrame = this.#pending.subarray(0, MAGIC.length).equals(MAGIC) && size <= MAX_PAYLOAD_BYTES;
    if (!isFrame) throw new Error("a volume server sent what is no frame");
    const whole = HEADER_BYTES + size + END.length;
    if (length < whole) return undefined;
    const frame = {
      kind: this.#pending.readUInt8(4),
      channel: this.#pending.readUInt16LE(6),
      number: this.#pending.readBigUInt64LE(16),
      payload: Buffer.from(this.#pending.subarray(HEADER_BYTES, HEADER_BYTES + size)),
    };
    this.#pending = this.#pending.subarray(whole);
    this.#isInStep = true;
    return frame;
  }

  /** A server begins with zeros. */
  #skip(): void {
    const at = this.#pending.indexOf(MAGIC);
    this.#pending = at === -1 ? this.#pending.subarray(-(MAGIC.length - 1)) : this.#pending.subarray(at);
  }
}
