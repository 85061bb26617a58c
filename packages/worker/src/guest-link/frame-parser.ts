/**
 * Bytes from the guest become frames. Every byte is taken for hostile: nothing is allocated on the guest's word, and
 * the one buffer is of a fixed size. Until the WELCOME with our nonce all else is skipped, for a guest that was
 * captured in the middle of a frame, or that still had frames for another session, starts with its remains.
 */
import {
  FRAME_END,
  FRAME_START,
  GUEST_KINDS,
  HEADER_BYTES,
  Kind,
  LINK_STREAM,
  MAX_FRAME_BYTES,
  MAX_PAYLOAD_BYTES,
  TRAILER_BYTES,
  WELCOME_BYTES,
} from "./protocol.ts";
import { encodeHeader } from "./frame.ts";

interface FrameHandler {
  /** `payload` is a view that is valid during the call only. The first frame is WELCOME. */
  onFrame(kind: number, stream: number, payload: Buffer): void;
  /** Called once, for what is no frame. The parser reads nothing more. */
  onGarbage(reason: string): void;
}

/** Room for several frames, so that one read takes all that a Unix socket holds (208 KiB on Linux). */
const BUFFER_BYTES = 262_144;

type State = "searching" | "framing" | "stopped";

export class FrameParser {
  readonly #session: number;
  readonly #handler: FrameHandler;
  /** Header and nonce of the WELCOME that answers our HELLO. */
  readonly #welcome: Buffer;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #state: State = "searching";
  #start = 0;
  #end = 0;

  constructor(session: number, nonce: Uint8Array, handler: FrameHandler) {
    this.#session = session;
    this.#handler = handler;
    this.#welcome = Buffer.concat([encodeHeader(Kind.WELCOME, session, LINK_STREAM, WELCOME_BYTES), nonce]);
  }

  /** Where the next bytes go. Never empty; valid until `advance`. */
  space(): Buffer {
    // A frame that has begun must always find room for its rest.
    if (BUFFER_BYTES - this.#start < MAX_FRAME_BYTES || BUFFER_BYTES - this.#end < MAX_PAYLOAD_BYTES) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#buffer.subarray(this.#end);
  }

  /** Tells that `bytes` were put at the start of `space()`; calls the handler for each frame that they complete. */
  advance(bytes: number): void {
    this.#end += bytes;
    if (this.#state === "searching") this.#search();
    if (this.#state === "framing") this.#frame();
    if (this.#start === this.#end || this.#state === "stopped") {
      this.#start = 0;
      this.#end = 0;
    }
  }

  /** Copies a chunk of any size in. */
  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.byteLength > 0) {
      const space = this.space();
      const part = rest.subarray(0, space.length);
      space.set(part);
      this.advance(part.byteLength);
      rest = rest.subarray(part.byteLength);
    }
  }

  /** The handler wants no more, not even what is already here. */
  stop(): void {
    this.#state = "stopped";
  }

  #search(): void {
    for (;;) {
      const found = this.#buffer.subarray(this.#start, this.#end).indexOf(this.#welcome);
      if (found < 0) {
        // What may be the beginning of the WELCOME stays.
        this.#start = Math.max(this.#start, this.#end - this.#welcome.length + 1);
        return;
      }
      this.#start += found;
      if (this.#end - this.#start < HEADER_BYTES + WELCOME_BYTES + TRAILER_BYTES) return;
      if (this.#buffer[this.#start + HEADER_BYTES + WELCOME_BYTES] === FRAME_END) {
        this.#state = "framing";
        return;
      }
      this.#start += 1;
    }
  }

  #frame(): void {
    const buffer = this.#buffer;
    while (this.#state === "framing" && this.#end - this.#start >= HEADER_BYTES) {
      const start = this.#start;
      const kind = buffer[start + 1] ?? 0;
      if (buffer[start] !== FRAME_START) return this.#garbage("a frame does not begin with 0xF5");
      if (!GUEST_KINDS.has(kind)) return this.#garbage(`a guest sends no frame of kind ${kind}`);
      const length = buffer.readUInt32LE(start + 8);
      if (length > MAX_PAYLOAD_BYTES) return this.#garbage(`a frame claims ${length} bytes`);
      const trailer = start + HEADER_BYTES + length;
      if (this.#end <= trailer) return;
      if (buffer[trailer] !== FRAME_END) return this.#garbage("a frame does not end with 0x5F");
      this.#start = trailer + TRAILER_BYTES;
      if (buffer.readUInt16LE(start + 2) !== this.#session) continue;
      this.#handler.onFrame(
        kind,
        buffer.readUInt32LE(start + 4),
        buffer.subarray(start + HEADER_BYTES, trailer),
      );
    }
  }

  #garbage(reason: string): void {
    this.#state = "stopped";
    this.#handler.onGarbage(reason);
  }
}
