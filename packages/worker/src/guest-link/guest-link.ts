/**
 * The worker's end of the connection to the agent in a VM: commands, files, TCP connections and identity, side by
 * side over one Unix socket (docs/guest-link.md). What comes from the guest is hostile: it can break its own link, and nothing else.
 */
import { randomBytes, randomInt } from "node:crypto";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { FastvmError } from "@fastvm/contract";
import type { WaitOptions } from "./deadline.ts";
import { within } from "./deadline.ts";
import type { ExecRequest } from "./exec-stream.ts";
import { ExecStream } from "./exec-stream.ts";
import type { Field } from "./fields.ts";
import { encodeFields } from "./fields.ts";
import type { WriteFileOptions } from "./file-stream.ts";
import { ReadStream, WriteStream } from "./file-stream.ts";
import { FrameParser } from "./frame-parser.ts";
import { encodeHello, splitRequest, u32 } from "./frame.ts";
import type { GuestConnection } from "./guest-connection.ts";
import { ConnectionStream } from "./guest-connection.ts";
import { decodeResult } from "./guest-error.ts";
import type { LinkStream, StreamPort } from "./link-stream.ts";
import { LinkWriter } from "./link-writer.ts";
import { Pings } from "./pings.ts";
import { Kind, LINK_STREAM, MAX_FRAME_BYTES, NONCE_BYTES, PROTOCOL_VERSION } from "./protocol.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { StreamTable } from "./stream-table.ts";
import { connectUnixSocket } from "./unix-socket.ts";

export interface ConnectOptions {
  /** The host's end of the virtio-serial port. It may be missing or refuse until the deadline. */
  readonly socketPath: string;
  /** 16 bytes that name the VM's life since it was last restored. */
  readonly generation: Uint8Array;
  /** From the call to the guest's WELCOME, in ms. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Takes the connections that the guest opens towards the host; without it they are refused. `port` is the guest's. */
  readonly onForward?: ((port: number, connection: GuestConnection) => void) | undefined;
  /** A guest that is silent for so long while something waits for it has all its streams failed, in ms. Default 60,000. */
  readonly silenceLimitMs?: number | undefined;
}

export interface StreamOptions {
  /** Aborting resets the stream: a command is killed, a half-written file removed. */
  readonly signal?: AbortSignal | undefined;
}

export interface DialOptions extends WaitOptions {
  /** As the guest sees it. Default 127.0.0.1. */
  readonly host?: string | undefined;
}

const HELLO_INTERVAL_MS = 50;
const MAX_SESSION = 0xffff;
const DEFAULT_SILENCE_LIMIT_MS = 60_000;
const DEFAULT_PING_DEADLINE_MS = 5000;
/** Host keys, host name and growing a disk are quick; two commands of 2 s each are not, and emulation is slow. */
const DEFAULT_IDENTIFY_DEADLINE_MS = 30_000;
const DEFAULT_DIAL_DEADLINE_MS = 10_000;
const DEFAULT_QUIESCE_DEADLINE_MS = 20;
/** ECONNREFUSED: nobody takes the guest's connections, or it has too many. */
const RESET_REFUSED = 111;

export class GuestLink implements AsyncDisposable {
  /** Resolves with the cause when the link is gone, whoever ended it. */
  readonly closed: Promise<FastvmError>;
  readonly #closed = Promise.withResolvers<FastvmError>();
  readonly #options: ConnectOptions;
  readonly #session = randomInt(1, MAX_SESSION + 1);
  readonly #nonce = randomBytes(NONCE_BYTES);
  readonly #parser: FrameParser;
  readonly #streams = new StreamTable();
  readonly #pings = new Pings();
  readonly #watch: SilenceWatch;
  readonly #welcome = Promise.withResolvers<void>();
  readonly #port: StreamPort;
  #socket: Socket | undefined;
  #writer: LinkWriter | undefined;
  #identity: PromiseWithResolvers<void> | undefined;
  #bootId = "";
  #lost: FastvmError | undefined;

  /**
   * Resolves once the guest has answered. Rejects with `guest_unresponsive` at the deadline, with `vm_died` when the
   * socket is closed before, with the signal's reason, or with the system's error when there is no socket to connect to.
   */
  static async connect(options: ConnectOptions): Promise<GuestLink> {
    const link = new GuestLink(options);
    try {
      await link.#connect();
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  private constructor(options: ConnectOptions) {
    this.#options = options;
    this.closed = this.#closed.promise;
    this.#welcome.promise.catch(() => undefined);
    this.#parser = new FrameParser(this.#session, this.#nonce, {
      onFrame: (kind, stream, payload) => this.#receive(kind, stream, payload),
      onGarbage: (reason) =>
        this.#lose(new FastvmError("guest_unresponsive", `its agent sent garbage: ${reason}`)),
    });
    this.#watch = new SilenceWatch({
      limitMs: options.silenceLimitMs ?? DEFAULT_SILENCE_LIMIT_MS,
      isBusy: () => this.#streams.size > 0,
      probe: () => this.#writer?.isHeld !== true && void this.ping().catch(() => undefined),
      onSilent: () => this.#streams.resetAll(new FastvmError("guest_unresponsive", "its agent fell silent")),
    });
    this.#port = {
      send: (frames) => this.#requireWriter().send(frames),
      wake: (source) => this.#writer?.wake(source),
      forget: (id) => this.#streams.remove(id),
    };
  }

  /** `/proc/sys/kernel/random/boot_id` of the guest, in its usual text form. */
  get bootId(): string {
    return this.#bootId;
  }

  /** Resolves with the round trip in ms. Default deadline 5 s. */
  async ping(options: WaitOptions = {}): Promise<number> {
    const start = performance.now();
    await this.#ask(options.deadlineMs ?? DEFAULT_PING_DEADLINE_MS, options.signal, (payload) =>
      this.#requireWriter().send([{ kind: Kind.PING, stream: LINK_STREAM, payload }]),
    );
    return performance.now() - start;
  }

  /**
   * Has the guest take on an identity, field by field in their order. One at a time. Rejects with `launch_failed` when
   * a field failed in the guest, with `guest_unresponsive` at the deadline (default 30 s).
   */
  async identify(fields: readonly Field[], options: WaitOptions = {}): Promise<void> {
    if (this.#identity !== undefined) throw new FastvmError("conflict", "an identity is under way already");
    const identity = Promise.withResolvers<void>();
    identity.promise.catch(() => undefined);
    const frames = splitRequest(Kind.IDENTITY, LINK_STREAM, encodeFields(fields));
    this.#requireWriter().send(frames);
    this.#identity = identity;
    const deadlineMs = options.deadlineMs ?? DEFAULT_IDENTIFY_DEADLINE_MS;
    // After a deadline the answer may still be under way: it must not be taken for the next one's.
    await within(identity.promise, { ...options, deadlineMs, what: "take on its identity" });
  }

  /** Starts a command. Throws `out_of_capacity`, `invalid_request`, or the link's cause of death. */
  exec(request: ExecRequest, options: StreamOptions = {}): ExecStream {
    return this.#open(options.signal, (id) => new ExecStream(id, this.#port, request));
  }

  /**
   * Writes a file whole: it appears under its name when all of it is there, or not at all. Rejects with a GuestError
   * such as ENOSPC, with what the source threw, with the signal's reason, or with a FastvmError when the link was lost.
   */
  async writeFile(
    path: string,
    source: Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteFileOptions & StreamOptions = {},
  ): Promise<void> {
    const stream = this.#open(options.signal, (id) => new WriteStream(id, this.#port, path, options));
    try {
      // The guest may refuse while the source still has much to say, or says nothing at all.
      await Promise.race([feed(stream, source), stream.done]);
      await stream.done;
    } catch (error) {
      stream.reset(error);
      throw error;
    }
  }

  /** The file's bytes, as fast as they are taken. Throws like `writeFile`. */
  async *readFile(path: string, options: StreamOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const stream = this.#open(options.signal, (id) => new ReadStream(id, this.#port, path));
    try {
      for (let data = await stream.read(); data !== undefined; data = await stream.read()) yield data;
    } finally {
      stream.reset(new FastvmError("conflict", "the file was read no further"));
    }
  }

  /**
   * Connects to a TCP port in the guest. Rejects with a GuestError such as ECONNREFUSED; with `guest_unresponsive` at
   * the deadline (default 10 s). Deadline and signal bound the connecting only.
   */
  async dial(port: number, options: DialOptions = {}): Promise<GuestConnection> {
    const start = { kind: "dial", port, host: options.host ?? "" } as const;
    const stream = this.#open(undefined, (id) => new ConnectionStream(id, this.#port, start));
    const deadlineMs = options.deadlineMs ?? DEFAULT_DIAL_DEADLINE_MS;
    try {
      await within(stream.connected, { signal: options.signal, deadlineMs, what: `connect to port ${port}` });
      return stream.connection;
    } catch (error) {
      stream.reset(error);
      throw error;
    }
  }

  /**
   * Stops writing between two frames and waits until the guest has taken all before (default: at most 20 ms). Whether
   * it has. What callers ask for meanwhile waits, in bounded memory, for `release`; what the guest sends is still read.
   */
  async quiesce(deadlineMs = DEFAULT_QUIESCE_DEADLINE_MS): Promise<boolean> {
    const writer = this.#writer;
    if (writer === undefined) return false;
    writer.hold();
    try {
      await this.#ask(deadlineMs, undefined, (payload) =>
        writer.sendHeld({ kind: Kind.PING, stream: LINK_STREAM, payload }),
      );
      return true;
    } catch {
      return false;
    }
  }

  /** Writes on after `quiesce`. Streams have noticed nothing. */
  release(): void {
    this.#writer?.release();
  }

  /** Ends the link and all its streams with the cause; the guest kills their commands when it meets the next one of its generation. */
  close(cause = new FastvmError("vm_died", "its link was closed")): void {
    this.#lose(cause);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  async #connect(): Promise<void> {
    const { socketPath, deadlineMs, signal } = this.#options;
    const deadlineAt = performance.now() + deadlineMs;
    const socket = await connectUnixSocket({
      path: socketPath,
      deadlineAt,
      signal,
      onread: {
        buffer: () => this.#parser.space(),
        callback: (bytes) => this.#advance(bytes),
      },
    });
    this.#socket = socket;
    let failure: Error | undefined;
    socket.on("error", (error) => (failure = error));
    socket.on("close", () =>
      this.#lose(new FastvmError("vm_died", "the connection to it was cut", { cause: failure })),
    );
    await this.#greet(socket, Math.max(1, deadlineAt - performance.now()));
    this.#writer = new LinkWriter(socket, this.#session);
  }

  async #greet(socket: Socket, deadlineMs: number): Promise<void> {
    const hello = encodeHello(this.#session, this.#options.generation, this.#nonce);
    // The zeros complete whatever frame was cut in two when the VM was captured, so that the guest drops it.
    socket.cork();
    socket.write(Buffer.alloc(MAX_FRAME_BYTES));
    socket.write(hello);
    socket.uncork();
    // What is not yet taken need not be said again.
    const repeat = setInterval(() => socket.writableLength > 0 || socket.write(hello), HELLO_INTERVAL_MS);
    try {
      const { signal } = this.#options;
      await within(this.#welcome.promise, { signal, deadlineMs, what: "answer the handshake" });
    } finally {
      clearInterval(repeat);
    }
  }

  #advance(bytes: number): boolean {
    this.#watch.heard();
    this.#parser.advance(bytes);
    return true;
  }

  #receive(kind: number, stream: number, payload: Buffer): void {
    if (stream === LINK_STREAM) return this.#receiveOwn(kind, payload);
    if (kind === Kind.OPEN_FORWARD) return this.#receiveForward(stream, payload);
    this.#streams.get(stream)?.receive(kind, payload);
  }

  #receiveOwn(kind: number, payload: Buffer): void {
    if (kind === Kind.WELCOME) this.#receiveWelcome(payload);
    else if (kind === Kind.PONG) this.#pings.receive(payload);
    else if (kind === Kind.IDENTITY_DONE) this.#receiveIdentityDone(payload);
  }

  #receiveWelcome(payload: Buffer): void {
    const version = payload.readUInt16LE(NONCE_BYTES);
    if (version !== PROTOCOL_VERSION) {
      this.#lose(new FastvmError("guest_unresponsive", `its agent speaks version ${version} of the link`));
      return;
    }
    const id = payload.toString("hex", 24, 40);
    this.#bootId = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    this.#welcome.resolve();
  }

  #receiveIdentityDone(payload: Buffer): void {
    const identity = this.#identity;
    this.#identity = undefined;
    const result = decodeResult(payload);
    if (result?.errno === 0) identity?.resolve();
    else
      identity?.reject(
        new FastvmError("launch_failed", `the guest's identity: ${result?.text ?? "no answer"}`),
      );
  }

  #receiveForward(id: number, payload: Buffer): void {
    const { onForward } = this.#options;
    if (onForward === undefined || payload.length < 2 || !this.#streams.admits(id)) {
      this.#refuseForward(id);
      return;
    }
    const stream = this.#add(new ConnectionStream(id, this.#port, { kind: "forward" }));
    onForward(payload.readUInt16LE(0), stream.connection);
  }

  #refuseForward(id: number): void {
    try {
      this.#port.send([{ kind: Kind.RESET, stream: id, payload: u32(RESET_REFUSED) }]);
    } catch (error) {
      this.#lose(new FastvmError("guest_unresponsive", "it does not read its answers", { cause: error }));
    }
  }

  #open<S extends LinkStream>(signal: AbortSignal | undefined, make: (id: number) => S): S {
    signal?.throwIfAborted();
    if (this.#lost !== undefined) throw this.#lost;
    return this.#add(make(this.#streams.nextId()), signal);
  }

  #add<S extends LinkStream>(stream: S, signal?: AbortSignal): S {
    this.#streams.add(stream, signal);
    this.#watch.start();
    return stream;
  }

  async #ask(
    deadlineMs: number,
    signal: AbortSignal | undefined,
    send: (payload: Buffer) => void,
  ): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    const question = this.#pings.ask();
    try {
      send(question.payload);
      await within(question.answered, { signal, deadlineMs, what: "answer" });
    } finally {
      question.forget();
    }
  }

  #requireWriter(): LinkWriter {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#writer === undefined)
      throw new FastvmError("guest_unresponsive", "it has not been greeted yet");
    return this.#writer;
  }

  #lose(cause: FastvmError): void {
    if (this.#lost !== undefined) return;
    this.#lost = cause;
    this.#parser.stop();
    this.#watch.stop();
    this.#socket?.destroy();
    this.#welcome.reject(cause);
    this.#identity?.reject(cause);
    this.#pings.fail(cause);
    this.#streams.failAll(cause);
    this.#closed.resolve(cause);
  }
}

async function feed(stream: WriteStream, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  if (source instanceof Uint8Array) {
    await stream.write(source);
  } else {
    for await (const data of source) {
      if (!stream.isOpen) return;
      await stream.write(data);
    }
  }
  stream.end();
}
