/**
 * What the guest has sent on one stream and the reader has not yet taken. It holds at most one window: credit is
 * given back only as the reader takes, so a reader that does not read stalls its own stream and nothing else.
 */
import { WINDOW_BYTES } from "./protocol.ts";

/** 0: stdout, files, TCP. 1: stderr. */
export type Channel = 0 | 1;

export interface Chunk {
  readonly channel: Channel;
  readonly data: Uint8Array;
}

interface Entry {
  readonly channel: Channel;
  block: Buffer;
  length: number;
}

/** One largest frame. Waiting for half a window left an emulated guest on a loaded host without credit: 12 to 32 MiB/s against 35. */
const CREDIT_STEP_BYTES = WINDOW_BYTES / 4;
/** Small payloads are copied together up to this size, so that a window of single bytes costs a window and not 40 MiB. */
const MERGED_BYTES = 16_384;
/** With more waiting than this, the order between stdout and stderr gives way to merging: memory stays bounded. */
const MAX_ENTRIES = 1024;

interface Waiter {
  readonly resolve: (chunk: Chunk | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class ReceiveQueue {
  readonly #giveBack: (bytes: number) => void;
  readonly #entries: Entry[] = [];
  readonly #tails: [Entry | undefined, Entry | undefined] = [undefined, undefined];
  /** Received and not given back: what the guest counts as under way. */
  #outstandingBytes = 0;
  #takenBytes = 0;
  #receivedBytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #waiter: Waiter | undefined;

  /** `giveBack` sends CREDIT. */
  constructor(giveBack: (bytes: number) => void) {
    this.#giveBack = giveBack;
  }

  /** All that has ever come in. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Copies the payload. False when it is more than the guest was allowed to send. */
  push(channel: Channel, payload: Uint8Array): boolean {
    const bytes = payload.byteLength;
    if (this.#outstandingBytes + bytes > WINDOW_BYTES) return false;
    if (this.#ended || bytes === 0) return true;
    this.#outstandingBytes += bytes;
    this.#receivedBytes += bytes;
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#enqueue(channel, payload);
      return true;
    }
    this.#waiter = undefined;
    this.#account(bytes);
    waiter.resolve({ channel, data: Buffer.from(payload) });
    return true;
  }

  /** No more will come; what is queued can still be taken. */
  end(): void {
    this.#ended = true;
    this.#waiter?.resolve(undefined);
    this.#waiter = undefined;
  }

  /** Once what is queued has been taken, `take` rejects with this. Without effect after `end`. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = { error };
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  /** Drops what is queued, and all that is still to come. */
  discard(): void {
    this.#entries.length = 0;
    this.#tails.fill(undefined);
    this.end();
  }

  /** The next chunk, `undefined` at the end. One reader at a time. */
  take(): Promise<Chunk | undefined> {
    const chunk = this.takeNow();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#waiter !== undefined) return Promise.reject(new Error("A stream has one reader at a time"));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** What is queued, without waiting. */
  takeNow(): Chunk | undefined {
    const entry = this.#entries.shift();
    if (entry === undefined) return undefined;
    if (this.#tails[entry.channel] === entry) this.#tails[entry.channel] = undefined;
    this.#account(entry.length);
    return { channel: entry.channel, data: entry.block.subarray(0, entry.length) };
  }

  #enqueue(channel: Channel, payload: Uint8Array): void {
    const tail = this.#tails[channel];
    const merges = tail !== undefined && tail.length + payload.byteLength <= MERGED_BYTES;
    if (merges && (this.#entries.at(-1) === tail || this.#entries.length >= MAX_ENTRIES)) {
      append(tail, payload);
      return;
    }
    const entry = { channel, block: Buffer.from(payload), length: payload.byteLength };
    this.#entries.push(entry);
    this.#tails[channel] = entry;
  }

  #account(bytes: number): void {
    this.#takenBytes += bytes;
    if (this.#takenBytes < CREDIT_STEP_BYTES || this.#ended) return;
    const given = this.#takenBytes;
    this.#takenBytes = 0;
    this.#outstandingBytes -= given;
    this.#giveBack(given);
  }
}

/** Doubles the block when it is full, so that merging costs linear time. */
function append(entry: Entry, payload: Uint8Array): void {
  const length = entry.length + payload.byteLength;
  if (length > entry.block.length) {
    const grown = Buffer.allocUnsafeSlow(Math.min(MERGED_BYTES, Math.max(length, entry.block.length * 2)));
    entry.block.copy(grown, 0, 0, entry.length);
    entry.block = grown;
  }
  entry.block.set(payload, entry.length);
  entry.length = length;
}
