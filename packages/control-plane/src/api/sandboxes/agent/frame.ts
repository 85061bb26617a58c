/**
 * Frames of the agent's socket, whatever messages they come in:
 *
 *     ┌───────────────────┬────────┬──────────┬────────────────────────────────────┐
 *     │ u32 BE: bytes of  │ u32 BE │ u8 flags │ CBOR {v, t, p}: generation, type,  │
 *     │ all that follows  │ id     │          │ and the payload, itself CBOR       │
 *     └───────────────────┴────────┴──────────┴────────────────────────────────────┘
 */
import { Encoder } from "cbor-x";

/** Without records and tags, which others do not read; whole numbers of 64 bits are given as bigints. */
const CBOR = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
});

export const GENERATION = 7;
const HEADER_BYTES = 4;
const ID_AND_FLAGS_BYTES = 5;
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** Of data in one frame, so that its head fits beside it. */
export const MAX_CHUNK_BYTES = 3 * 1024 * 1024;

/** The last of its id. */
const TERMINAL = 1;
const TERMINAL_TYPES: ReadonlySet<string> = new Set([
  "core.exec.exited",
  "core.exec.failed",
  "core.fs.response",
  "core.tcp.closed",
  "core.tcp.failed",
  "core.pong",
  "core.touched",
  "core.error",
]);

export type Payload = Readonly<Record<string, unknown>>;

export interface Frame {
  readonly id: number;
  readonly type: string;
  readonly payload: Payload;
}

export function encodeFrame({ id, type, payload }: Frame): Buffer {
  const message = CBOR.encode({ v: GENERATION, t: type, p: CBOR.encode(payload) });
  const frame = Buffer.allocUnsafe(HEADER_BYTES + ID_AND_FLAGS_BYTES + message.length);
  frame.writeUInt32BE(ID_AND_FLAGS_BYTES + message.length, 0);
  frame.writeUInt32BE(id, HEADER_BYTES);
  frame.writeUInt8(TERMINAL_TYPES.has(type) ? TERMINAL : 0, HEADER_BYTES + 4);
  frame.set(message, HEADER_BYTES + ID_AND_FLAGS_BYTES);
  return frame;
}

/** Throws for what is no frame: nothing after it can be trusted. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole now. */
  push(bytes: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Frame[] = [];
    while (this.#rest.length >= HEADER_BYTES) {
      const length = this.#rest.readUInt32BE(0);
      if (length < ID_AND_FLAGS_BYTES || length > MAX_FRAME_BYTES) throw new Error("a frame of no size");
      if (this.#rest.length < HEADER_BYTES + length) break;
      frames.push(decode(this.#rest.subarray(HEADER_BYTES, HEADER_BYTES + length)));
      this.#rest = this.#rest.subarray(HEADER_BYTES + length);
    }
    return frames;
  }
}

function decode(frame: Buffer): Frame {
  const message = objectIn(frame.subarray(ID_AND_FLAGS_BYTES));
  const { t: type, p: inside } = message;
  if (typeof type !== "string" || !(inside instanceof Uint8Array)) throw new Error("a frame of no type");
  const payload = inside.length === 0 ? {} : objectIn(Buffer.from(inside));
  return { id: frame.readUInt32BE(0), type, payload };
}

function objectIn(bytes: Buffer): Payload {
  const value: unknown = CBOR.decode(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("no map");
  return value as Payload;
}
