/** What every stream has in common: its number, its end, and the frames that are the same for all. */
import { FastvmError } from "@fastvm/contract";
import type { Frame } from "./frame.ts";
import { u32 } from "./frame.ts";
import type { FrameSource } from "./link-writer.ts";
import { Kind } from "./protocol.ts";

/** The link as a stream sees it. */
export interface StreamPort {
  /** Queues control frames, all or none. Throws `guest_unresponsive` when too much waits. */
  send(frames: readonly Frame[]): void;
  /** Tells the writer that a source has data. */
  offer(source: FrameSource): void;
  /** The number is dead: frames for it are dropped from now on. */
  forget(stream: number): void;
}

/** ECANCELED: what a reset carries when the host has no use for the stream any more. */
const RESET_CANCELED = 125;
/** EPROTO: the other side broke the protocol. */
const RESET_PROTOCOL = 71;

export abstract class LinkStream {
  readonly id: number;
  protected readonly port: StreamPort;
  readonly #closed = Promise.withResolvers<void>();
  #isOpen = true;

  constructor(id: number, port: StreamPort) {
    this.id = id;
    this.port = port;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves when the stream has ended, well or not. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** A frame of this stream. The payload is valid during the call only. */
  abstract receive(kind: number, payload: Buffer): void;

  /** Lets everybody who waits for the stream know that it failed. Called once, after the number was given up. */
  protected abstract onFailed(error: unknown): void;

  /** Ends the stream here and in the guest: a command's process group is killed, a half-written file is removed. */
  reset(error: unknown, errno = RESET_CANCELED): void {
    if (!this.#isOpen) return;
    this.sendNow({ kind: Kind.RESET, stream: this.id, payload: u32(errno) });
    this.fail(error);
  }

  /** The stream ends without a word to the guest: it knows, or it is gone. */
  fail(error: unknown): void {
    if (!this.#isOpen) return;
    this.close();
    this.onFailed(error);
  }

  /** The stream came to its proper end. */
  protected close(): void {
    this.#isOpen = false;
    this.port.forget(this.id);
    this.#closed.resolve();
  }

  /** The guest broke the protocol on this stream. Only this stream pays for it. */
  protected refuse(what: string): void {
    this.reset(new FastvmError("guest_unresponsive", `its agent sent ${what}`), RESET_PROTOCOL);
  }

  protected sendCredit = (bytes: number): void => {
    if (this.#isOpen) this.sendNow({ kind: Kind.CREDIT, stream: this.id, payload: u32(bytes) });
  };

  /** A control frame in the middle of a stream's life. A guest that leaves too many unread loses the stream. */
  protected sendNow(frame: Frame): void {
    try {
      this.port.send([frame]);
    } catch (error) {
      this.fail(error);
    }
  }
}
