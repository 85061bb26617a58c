/** A TCP connection whose other end is in the guest, as a Node stream: what a proxy pipes to and from. */
import { Duplex } from "node:stream";
import { FastvmError } from "@fastvm/contract";
import { NO_PAYLOAD } from "./frame.ts";
import { decodeResult, GuestError } from "./guest-error.ts";
import type { StreamPort } from "./link-stream.ts";
import { LinkStream } from "./link-stream.ts";
import { Kind } from "./protocol.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import { SendQueue } from "./send-queue.ts";

/** ECONNRESET: what the other end of a connection that was destroyed sees. */
const CONNECTION_RESET = 104;

export type ConnectionStart =
  /** The host asks for it, and DONE says that it stands. `host` is as the guest sees it; empty: 127.0.0.1. */
  | { readonly kind: "dial"; readonly port: number; readonly host: string }
  /** The same of UDP with a port of its loopback: each datagram, both ways, is two bytes of length and itself. */
  | { readonly kind: "datagrams"; readonly port: number }
  /** The guest has opened it: it stands already. */
  | { readonly kind: "forward" };

/** The stream behind a GuestConnection. */
export class ConnectionStream extends LinkStream {
  readonly connection: GuestConnection;
  readonly #output: ReceiveQueue;
  readonly #input: SendQueue;
  readonly #connected = Promise.withResolvers<void>();
  #isConnected: boolean;
  #sentEnd = false;
  #receivedEnd = false;

  constructor(id: number, port: StreamPort, start: ConnectionStart) {
    super(id, port);
    this.#connected.promise.catch(() => undefined);
    this.#output = new ReceiveQueue(this.sendCredit);
    this.#input = new SendQueue(id, (source) => port.offer(source));
    this.#isConnected = start.kind === "forward";
    this.connection = new GuestConnection(this);
    if (start.kind === "forward") this.#connected.resolve();
    else port.send([openingOf(id, start)]);
  }

  /** Rejects with a GuestError, such as ECONNREFUSED, or a FastvmError when the stream was lost. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  async read(): Promise<Uint8Array | undefined> {
    const chunk = await this.#output.take();
    return chunk?.data;
  }

  write(data: Uint8Array): Promise<void> {
    return this.#input.write(data);
  }

  /** Resolves when END is under way: before that, credit for what is still to be written must find the stream. */
  async end(): Promise<void> {
    await this.#input.end();
    this.#sentEnd = true;
    this.#closeWhenBothEnded();
  }

  override receive(kind: number, payload: Buffer): void {
    switch (kind) {
      case Kind.DATA:
        if (!this.#output.push(0, payload)) this.refuse("more bytes than it had credit for");
        return;
      case Kind.END:
        this.#receivedEnd = true;
        this.#output.end();
        return this.#closeWhenBothEnded();
      case Kind.CREDIT:
        if (!this.#input.receiveCredit(payload)) this.refuse("more credit than it had received");
        return;
      case Kind.DONE:
        return this.#receiveDone(payload);
      case Kind.RESET:
        return this.fail(new GuestError(decodeResult(payload)?.errno || CONNECTION_RESET, ""));
      default:
        return this.refuse(`a frame of kind ${kind} for a connection`);
    }
  }

  /** The host's own doing, after which nothing that is still unread matters. */
  override reset(error: unknown, errno?: number): void {
    super.reset(error, errno);
    this.connection.destroy(asError(error));
  }

  protected override onFailed(error: unknown): void {
    this.#input.cancel();
    this.#connected.reject(error);
    this.#output.fail(error);
    this.connection.failOnceRead(asError(error), this.#output.isEmpty && !this.#receivedEnd);
  }

  #receiveDone(payload: Buffer): void {
    const result = decodeResult(payload);
    if (result === undefined || this.#isConnected) return this.refuse("an answer to no question");
    if (result.errno !== 0) return this.fail(new GuestError(result.errno, result.text));
    this.#isConnected = true;
    this.#connected.resolve();
  }

  #closeWhenBothEnded(): void {
    if (this.#sentEnd && this.#receivedEnd && this.isOpen) this.close();
  }
}

/**
 * Ends half by half like a TCP socket. Destroying it resets the connection in the guest. When the guest resets it, what came before is
 * read first: a server that refuses an upload answers it and closes without reading the rest. Until then what is written is thrown away.
 */
export class GuestConnection extends Duplex {
  readonly #stream: ConnectionStream;
  #isReading = false;

  constructor(stream: ConnectionStream) {
    // Nothing is read ahead: an error that waits behind data in the stream's queue is met when its reader has taken them, not before.
    super({ allowHalfOpen: true, readableHighWaterMark: 0 });
    this.#stream = stream;
    // A guest may reset a connection before its user has come to listen; that must not end the daemon.
    this.on("error", () => undefined);
  }

  /** `isDrained`: nothing that came waits in the stream, neither data nor their end. Else the reader meets the error. */
  failOnceRead(error: Error, isDrained: boolean): void {
    const isAllRead = isDrained && !this.#isReading && this.readableLength === 0;
    if (isAllRead || this.readableEnded) this.destroy(error);
    else this.once("end", () => this.destroy(error));
  }

  override _read(): void {
    this.#isReading = true;
    this.#stream.read().then(
      (data) => {
        this.#isReading = false;
        this.push(data ?? null);
      },
      (error: unknown) => {
        this.#isReading = false;
        // What was put back meanwhile (`unshift`) is read first. Nothing pushed means: ask again.
        if (this.readableLength > 0) this.push(NO_PAYLOAD);
        else this.destroy(asError(error));
      },
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    callAfter(this.#stream.write(chunk), done);
  }

  override _final(done: (error?: Error) => void): void {
    callAfter(this.#stream.end(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.reset(error ?? new FastvmError("conflict", "the connection was closed"), CONNECTION_RESET);
    done(error);
  }
}

/** Node's streams take callbacks. An error that one of them throws must surface, not become a second call. */
function callAfter(promise: Promise<void>, callback: (error?: Error) => void): void {
  promise.then(
    () => process.nextTick(callback),
    (error: unknown) => process.nextTick(callback, error),
  );
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("the connection was given up", { cause: error });
}

function openingOf(stream: number, start: Exclude<ConnectionStart, { kind: "forward" }>) {
  if (start.kind === "dial")
    return { kind: Kind.OPEN_DIAL, stream, payload: dialPayload(start.port, start.host) };
  const payload = Buffer.alloc(2);
  payload.writeUInt16LE(start.port);
  return { kind: Kind.OPEN_DATAGRAMS, stream, payload };
}

function dialPayload(port: number, host: string): Buffer {
  const name = Buffer.from(host, "utf8");
  const payload = Buffer.alloc(4 + name.length);
  payload.writeUInt16LE(port);
  payload.set(name, 4);
  return payload;
}
