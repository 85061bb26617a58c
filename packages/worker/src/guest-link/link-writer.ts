/**
 * The one writer of a link's socket. Whole frames only: control frames first, then the data of all streams in turn,
 * no more than the socket takes. It can be held, so that a capture finds nothing half-way into the guest.
 */
import type { Socket } from "node:net";
import { FastvmError } from "@fastvm/contract";
import type { Frame } from "./frame.ts";
import { encodeFrame, encodeHeader, TRAILER } from "./frame.ts";
import { Kind, MAX_REQUEST_BYTES } from "./protocol.ts";

export interface FrameSource {
  /** Kept by the writer. */
  isQueued: boolean;
  /** The next frame that credit allows. */
  takeFrame(): Frame | undefined;
}

/** Beyond this the socket is left to drain. Small, for what waits here delays a PING by as much. */
const MAX_SOCKET_BYTES = 262_144;
/** Below this a copy into one buffer is cheaper than three pieces of a writev. */
const COPY_BELOW_BYTES = 4096;
/** Requests that wait for a guest that does not read, or for the end of a hold: two of the largest. */
const MAX_REQUESTS_BYTES = 2 * MAX_REQUEST_BYTES;
/** Behind them is still room for what ends or steers the streams that are open already. */
const MAX_CONTROL_BYTES = MAX_REQUESTS_BYTES + 1024 * 1024;
/** What a queued frame costs beside its payload. */
const FRAME_OVERHEAD_BYTES = 128;

export class LinkWriter {
  readonly #socket: Socket;
  readonly #session: number;
  #control: Frame[] = [];
  #controlBytes = 0;
  readonly #sources: FrameSource[] = [];
  #isHeld = false;
  #isScheduled = false;

  constructor(socket: Socket, session: number) {
    this.#socket = socket;
    this.#session = session;
    socket.on("drain", this.#pump);
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Queues frames of one request, all or none. Throws `guest_unresponsive` when too much waits already. */
  send(frames: readonly Frame[]): void {
    let bytes = 0;
    for (const frame of frames) bytes += frame.payload.byteLength + FRAME_OVERHEAD_BYTES;
    const isRequest = (frames[0]?.kind ?? 0) < Kind.DATA;
    if (this.#controlBytes + bytes > (isRequest ? MAX_REQUESTS_BYTES : MAX_CONTROL_BYTES)) {
      throw new FastvmError("guest_unresponsive", "it does not read its requests");
    }
    this.#controlBytes += bytes;
    this.#control.push(...frames);
    this.#schedule();
  }

  /** The source has, or may have, a frame. */
  offer = (source: FrameSource): void => {
    if (source.isQueued) return;
    source.isQueued = true;
    this.#sources.push(source);
    this.#schedule();
  };

  /** From now on nothing but `sendHeld` is written. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#schedule();
  }

  /** Written at once, hold or not: for the PING that asks whether all before it has arrived. */
  sendHeld(frame: Frame): void {
    this.#write(frame);
  }

  /** All that is asked for within one turn leaves in one system call. */
  #schedule(): void {
    if (this.#isScheduled || this.#isHeld) return;
    this.#isScheduled = true;
    process.nextTick(this.#pump);
  }

  #pump = (): void => {
    this.#isScheduled = false;
    if (this.#isHeld || this.#socket.destroyed) return;
    this.#socket.cork();
    this.#writeControl();
    this.#writeData();
    this.#socket.uncork();
  };

  #writeControl(): void {
    let written = 0;
    for (const frame of this.#control) {
      if (!this.#hasRoom()) break;
      this.#controlBytes -= frame.payload.byteLength + FRAME_OVERHEAD_BYTES;
      this.#write(frame);
      written += 1;
    }
    this.#control = written === this.#control.length ? [] : this.#control.slice(written);
  }

  #writeData(): void {
    while (this.#hasRoom()) {
      const source = this.#sources.shift();
      if (source === undefined) return;
      const frame = source.takeFrame();
      if (frame === undefined) {
        source.isQueued = false;
        continue;
      }
      this.#write(frame);
      this.#sources.push(source);
    }
  }

  #hasRoom(): boolean {
    return this.#socket.writableLength < MAX_SOCKET_BYTES;
  }

  #write({ kind, stream, payload, onWritten }: Frame): void {
    if (payload.byteLength < COPY_BELOW_BYTES) {
      this.#socket.write(encodeFrame(kind, this.#session, stream, payload));
      onWritten?.();
      return;
    }
    this.#socket.write(encodeHeader(kind, this.#session, stream, payload.byteLength));
    this.#socket.write(payload, onWritten);
    this.#socket.write(TRAILER);
  }
}
