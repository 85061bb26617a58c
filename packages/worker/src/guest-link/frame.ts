/** Frames as they are written, and requests cut into frames. */
import { FastvmError } from "@fastvm/contract";
import {
  FRAME_END,
  FRAME_START,
  GENERATION_BYTES,
  HEADER_BYTES,
  HELLO_MAGIC,
  Kind,
  LINK_STREAM,
  MAX_PAYLOAD_BYTES,
  MAX_REQUEST_BYTES,
  NONCE_BYTES,
  TRAILER_BYTES,
} from "./protocol.ts";

export interface Frame {
  readonly kind: Kind;
  readonly stream: number;
  /** At most 65,536 bytes. */
  readonly payload: Uint8Array;
  /** Called when the system has taken the bytes, so that whoever owns the payload may change it. */
  readonly onWritten?: (() => void) | undefined;
}

/** Shared by all frames; nobody writes to it. */
export const TRAILER: Uint8Array = Uint8Array.of(FRAME_END);
export const NO_PAYLOAD: Uint8Array = new Uint8Array(0);

/** The 12 bytes before a payload. */
export function encodeHeader(kind: Kind, session: number, stream: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  writeHeader(header, kind, session, stream, length);
  return header;
}

/** A whole frame in one buffer: a copy, right for small payloads. */
export function encodeFrame(kind: Kind, session: number, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.byteLength + TRAILER_BYTES);
  writeHeader(frame, kind, session, stream, payload.byteLength);
  frame.set(payload, HEADER_BYTES);
  frame[frame.length - 1] = FRAME_END;
  return frame;
}

function writeHeader(target: Buffer, kind: Kind, session: number, stream: number, length: number): void {
  target[0] = FRAME_START;
  target[1] = kind;
  target.writeUInt16LE(session, 2);
  target.writeUInt32LE(stream, 4);
  target.writeUInt32LE(length, 8);
}

/** Throws a RangeError when generation or nonce is not 16 bytes: padded, it would name another life of the VM. */
export function encodeHello(session: number, generation: Uint8Array, nonce: Uint8Array): Buffer {
  if (generation.byteLength !== GENERATION_BYTES || nonce.byteLength !== NONCE_BYTES) {
    throw new RangeError(`A generation and a nonce are ${GENERATION_BYTES} bytes each`);
  }
  const payload = Buffer.alloc(HELLO_MAGIC.length + GENERATION_BYTES + NONCE_BYTES);
  payload.write(HELLO_MAGIC, "latin1");
  payload.set(generation, HELLO_MAGIC.length);
  payload.set(nonce, HELLO_MAGIC.length + GENERATION_BYTES);
  return encodeFrame(Kind.HELLO, session, LINK_STREAM, payload);
}

/**
 * A request as frames: MORE for all pieces but the last, which is of the request's own kind. Throws `invalid_request`
 * when it is larger than 4 MiB.
 */
export function splitRequest(kind: Kind, stream: number, body: Uint8Array): Frame[] {
  if (body.byteLength > MAX_REQUEST_BYTES) {
    throw new FastvmError("invalid_request", "arguments and environment exceed 4 MiB together");
  }
  const frames: Frame[] = [];
  let offset = 0;
  while (body.byteLength - offset > MAX_PAYLOAD_BYTES) {
    const end = offset + MAX_PAYLOAD_BYTES;
    frames.push({ kind: Kind.MORE, stream, payload: body.subarray(offset, end) });
    offset = end;
  }
  frames.push({ kind, stream, payload: body.subarray(offset) });
  return frames;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
