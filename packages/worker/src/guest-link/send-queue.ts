/** What callers want written on one stream: cut into frames, kept back until the guest has given credit for it. */
import { FastvmError } from "@fastvm/contract";
import type { Frame } from "./frame.ts";
import { NO_PAYLOAD } from "./frame.ts";
import type { FrameSource } from "./link-writer.ts";
import { Kind, MAX_PAYLOAD_BYTES, WINDOW_BYTES } from "./protocol.ts";

interface PendingWrite {
  readonly data: Uint8Array;
  offset: number;
  readonly onWritten: () => void;
}

/** For a caller that does not wait for its writes: the largest stdin (16 MiB) and much besides. One write alone may be larger. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

export class SendQueue implements FrameSource {
  readonly #stream: number;
  readonly #offer: (source: FrameSource) => void;
  readonly #writes: PendingWrite[] = [];
  readonly #unwritten = new Set<() => void>();
  #pendingBytes = 0;
  #credit = WINDOW_BYTES;
  #state: "open" | "ending" | "ended" = "open";
  readonly #ended = Promise.withResolvers<void>();
  /** Kept by the writer: whether this source waits in its round. */
  isQueued = false;

  /** `offer` tells the writer that there may be a frame to take. */
  constructor(stream: number, offer: (source: FrameSource) => void) {
    this.#stream = stream;
    this.#offer = offer;
  }

  /**
   * Resolves when the system has taken all of it: until then the bytes must not change. What is written after the
   * end, or to a stream that is gone, is thrown away, as a command that has ended reads no stdin.
   */
  write(data: Uint8Array): Promise<void> {
    if (this.#state !== "open" || data.byteLength === 0) return Promise.resolve();
    if (this.#pendingBytes > 0 && this.#pendingBytes + data.byteLength > MAX_PENDING_BYTES) {
      return Promise.reject(new FastvmError("out_of_capacity", "too much is waiting to be written"));
    }
    return new Promise((resolve) => {
      const onWritten = (): void => {
        this.#unwritten.delete(onWritten);
        resolve();
      };
      this.#unwritten.add(onWritten);
      this.#pendingBytes += data.byteLength;
      this.#writes.push({ data, offset: 0, onWritten });
      this.#offer(this);
    });
  }

  /** END goes out behind what was written; resolves when it does, or when nothing will any more. */
  end(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "ending";
      this.#offer(this);
    }
    return this.#ended.promise;
  }

  /** Takes a CREDIT frame. False when it is none, or gives back more than the guest was sent. */
  receiveCredit(payload: Buffer): boolean {
    if (payload.length !== 4) return false;
    const bytes = payload.readUInt32LE(0);
    if (this.#credit + bytes > WINDOW_BYTES) return false;
    this.#credit += bytes;
    if (this.#writes.length > 0) this.#offer(this);
    return true;
  }

  /** Throws away what is not written; those who wait for it go on. */
  cancel(): void {
    this.#state = "ended";
    this.#writes.length = 0;
    this.#pendingBytes = 0;
    for (const resolve of this.#unwritten) resolve();
    this.#ended.resolve();
  }

  takeFrame(): Frame | undefined {
    const write = this.#writes[0];
    if (write === undefined) return this.#takeEnd();
    const bytes = Math.min(write.data.byteLength - write.offset, this.#credit, MAX_PAYLOAD_BYTES);
    if (bytes === 0) return undefined;
    const end = write.offset + bytes;
    const payload = write.data.subarray(write.offset, end);
    write.offset = end;
    this.#credit -= bytes;
    this.#pendingBytes -= bytes;
    const isLast = end === write.data.byteLength;
    if (isLast) this.#writes.shift();
    return {
      kind: Kind.DATA,
      stream: this.#stream,
      payload,
      onWritten: isLast ? write.onWritten : undefined,
    };
  }

  #takeEnd(): Frame | undefined {
    if (this.#state !== "ending") return undefined;
    this.#state = "ended";
    this.#ended.resolve();
    return { kind: Kind.END, stream: this.#stream, payload: NO_PAYLOAD };
  }
}
