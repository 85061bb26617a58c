/** The streams that are open on a link: numbers given once, a bound on how many, one place that ends them all. */
import { FastvmError } from "@fastvm/contract";
import type { LinkStream } from "./link-stream.ts";
import { GUEST_STREAM_BIT, MAX_OPEN_STREAMS } from "./protocol.ts";

interface OpenStream {
  readonly stream: LinkStream;
  readonly unbind: () => void;
}

/** Connections that the guest may have open towards the host. Each may hold a window of unread bytes in our memory. */
const MAX_GUEST_STREAMS = 64;

export class StreamTable {
  readonly #streams = new Map<number, OpenStream>();
  #guestStreams = 0;
  #nextId = 1;

  get size(): number {
    return this.#streams.size;
  }

  get(id: number): LinkStream | undefined {
    return this.#streams.get(id)?.stream;
  }

  /** A number never used before. Throws `out_of_capacity` when 1,024 streams are open. */
  nextId(): number {
    if (this.#streams.size >= MAX_OPEN_STREAMS || this.#nextId >= GUEST_STREAM_BIT) {
      throw new FastvmError("out_of_capacity", `the VM has ${MAX_OPEN_STREAMS} commands and transfers open`);
    }
    return this.#nextId++;
  }

  /** Whether the guest may open a stream of this number. */
  admits(id: number): boolean {
    const isOfGuest = id >= GUEST_STREAM_BIT;
    return isOfGuest && !this.#streams.has(id) && this.#guestStreams < MAX_GUEST_STREAMS;
  }

  /** The stream is reset when the signal is aborted. */
  add(stream: LinkStream, signal?: AbortSignal): void {
    const onAbort = (): void => stream.reset(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    this.#streams.set(stream.id, {
      stream,
      unbind: () => signal?.removeEventListener("abort", onAbort),
    });
    if (stream.id >= GUEST_STREAM_BIT) this.#guestStreams += 1;
  }

  remove(id: number): void {
    const open = this.#streams.get(id);
    if (open === undefined) return;
    open.unbind();
    this.#streams.delete(id);
    if (id >= GUEST_STREAM_BIT) this.#guestStreams -= 1;
  }

  /** The guest is gone: nobody is told but those who wait here. */
  failAll(error: FastvmError): void {
    for (const { stream } of this.#streams.values()) stream.fail(error);
  }

  /** The guest may still be there: it is told as well. */
  resetAll(error: FastvmError): void {
    for (const { stream } of this.#streams.values()) stream.reset(error);
  }
}
