/**
 * The worker's end of the connection to the agent in a VM: commands, files, TCP connections and identity, side by
 * side over one Unix socket (docs/guest-link.md). What comes from the guest is hostile: it can break its own link, and nothing else.
 */
import { performance } from "node:perf_hooks";
import { FastvmError } from "@fastvm/contract";
import type { WaitOptions } from "./deadline.ts";
import { within } from "./deadline.ts";
import type { ExecRequest } from "./exec-stream.ts";
import { ExecStream } from "./exec-stream.ts";
import type { Field, RawField } from "./fields.ts";
import { encodeFields } from "./fields.ts";
import type { WriteFileOptions } from "./file-stream.ts";
import { ReadStream, WriteStream } from "./file-stream.ts";
import { splitRequest, u32 } from "./frame.ts";
import type { ConnectionStart, GuestConnection } from "./guest-connection.ts";
import { ConnectionStream } from "./guest-connection.ts";
import { decodeResult } from "./guest-error.ts";
import { JobStream, JobView } from "./job-stream.ts";
import type { LinkAddress } from "./link-connection.ts";
import { LinkConnection } from "./link-connection.ts";
import type { LinkStream, StreamPort } from "./link-stream.ts";
import { Pings } from "./pings.ts";
import { Ability, Kind, LINK_STREAM } from "./protocol.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { StreamTable } from "./stream-table.ts";
import { VerbStream, type VerbRequest } from "./verb-stream.ts";

export interface ConnectOptions extends LinkAddress {
  /** Takes the connections that the guest opens towards the host; without it they are refused. `port` is the guest's. */
  readonly onForward?: ((port: number, connection: GuestConnection) => void) | undefined;
  /** A guest that is silent for so long while something waits for it has all its streams failed, in ms. Default 60,000. */
  readonly silenceLimitMs?: number | undefined;
}

interface StreamOptions {
  /** Aborting resets the stream: a command is killed, a half-written file removed. */
  readonly signal?: AbortSignal | undefined;
}

interface IdentifyOptions extends WaitOptions {
  /** What the fields say of the guest's network interface is the VM's own, and no agent's default. */
  readonly ownInterface?: boolean;
}

interface DialOptions extends WaitOptions {
  /** As the guest sees it. Default 127.0.0.1. */
  readonly host?: string | undefined;
}

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
  readonly #onForward: ConnectOptions["onForward"];
  readonly #connection: LinkConnection;
  readonly #streams = new StreamTable();
  readonly #pings = new Pings();
  readonly #watch: SilenceWatch;
  readonly #port: StreamPort;
  #identity: PromiseWithResolvers<void> | undefined;

  /**
   * Resolves once the guest has answered. Rejects with `guest_unresponsive` at the deadline, with `vm_died` when the
   * socket is closed before, with the signal's reason, or with the system's error when there is no socket to connect to.
   */
  static async connect(options: ConnectOptions): Promise<GuestLink> {
    const link = new GuestLink(options);
    try {
      await link.#connection.open(options);
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  private constructor(options: ConnectOptions) {
    this.closed = this.#closed.promise;
    this.#onForward = options.onForward;
    this.#connection = new LinkConnection({
      onFrame: (kind, stream, payload) => this.#receive(kind, stream, payload),
      onAlive: () => this.#watch.heard(),
      onLost: (cause) => this.#failAll(cause),
    });
    this.#watch = new SilenceWatch({
      limitMs: options.silenceLimitMs ?? DEFAULT_SILENCE_LIMIT_MS,
      isBusy: () => this.#streams.size > 0,
      probe: () => void this.ping().catch(() => undefined),
      onSilent: () => this.#streams.resetAll(new FastvmError("guest_unresponsive", "its agent fell silent")),
    });
    this.#port = {
      send: (frames) => this.#connection.writer.send(frames),
      offer: (source) => {
        if (this.#connection.lost === undefined) this.#connection.writer.offer(source);
      },
      forget: (id) => this.#streams.remove(id),
    };
  }

  /** `/proc/sys/kernel/random/boot_id` of the guest, in its usual text form. */
  get bootId(): string {
    return this.#connection.bootId;
  }

  /** Resolves with the round trip in ms. Default deadline 5 s. */
  async ping(options: WaitOptions = {}): Promise<number> {
    const start = performance.now();
    await this.#ask(options.deadlineMs ?? DEFAULT_PING_DEADLINE_MS, options.signal, (payload) =>
      this.#connection.writer.send([{ kind: Kind.PING, stream: LINK_STREAM, payload }]),
    );
    return performance.now() - start;
  }

  /**
   * Has the guest take on an identity, field by field in their order. One at a time. Rejects with `launch_failed` when
   * a field failed in the guest, with `guest_unresponsive` at the deadline (default 30 s), with `vm_wrong_state` where
   * the guest's agent does not know one that counts.
   */
  async identify(fields: readonly Field[], options: IdentifyOptions = {}): Promise<void> {
    if (options.ownInterface === true) this.#need(Ability.LINK, "network interfaces of a VM's own");
    if (this.#identity !== undefined) throw new FastvmError("conflict", "an identity is under way already");
    const identity = Promise.withResolvers<void>();
    identity.promise.catch(() => undefined);
    const frames = splitRequest(Kind.IDENTITY, LINK_STREAM, encodeFields(fields));
    this.#connection.writer.send(frames);
    this.#identity = identity;
    const deadlineMs = options.deadlineMs ?? DEFAULT_IDENTIFY_DEADLINE_MS;
    // After a deadline the answer may still be under way: it must not be taken for the next one's.
    await within(identity.promise, { ...options, deadlineMs, what: "take on its identity" });
  }

  /** Starts a command. Throws `out_of_capacity`, `invalid_request`, or the link's cause of death. */
  exec(request: ExecRequest, options: StreamOptions = {}): ExecStream {
    if (isLimited(request)) this.#need(Ability.LIMITS, "limits of commands");
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

  /** What a verb tells, as it tells it; a watch until it is left or aborted. Throws like `writeFile`. */
  async *verb(
    request: VerbRequest,
    options: StreamOptions = {},
  ): AsyncGenerator<readonly RawField[], void, undefined> {
    this.#need(Ability.VERBS, "verbs on files");
    if (request.fstype !== undefined) this.#need(Ability.FSTYPES, "disks of a named file system");
    const stream = this.#open(options.signal, (id) => new VerbStream(id, this.#port, request));
    try {
      for (let told = await stream.read(); told !== undefined; told = await stream.read()) yield told;
    } finally {
      stream.reset(new FastvmError("conflict", "nobody listens any more"));
    }
  }

  /** Asks something about jobs, with all of a command's input where that is what is asked. Rejects like `writeFile`. */
  async askJobs(
    request: readonly Field[],
    options: StreamOptions & { readonly input?: Uint8Array } = {},
  ): Promise<readonly RawField[]> {
    this.#need(Ability.JOBS, "commands in the background");
    const stream = this.#open(options.signal, (id) => new JobStream(id, this.#port, request));
    if (options.input !== undefined) stream.write(options.input);
    return await stream.done;
  }

  /** Resolves when the job was found. Rejects like `writeFile`. */
  async attachJob(request: readonly Field[], options: StreamOptions = {}): Promise<JobView> {
    this.#need(Ability.JOBS, "commands in the background");
    const view = this.#open(options.signal, (id) => new JobView(id, this.#port, request));
    await view.placed;
    return view;
  }

  /**
   * Connects to a TCP port in the guest. Rejects with a GuestError such as ECONNREFUSED; with `guest_unresponsive` at
   * the deadline (default 10 s). Deadline and signal bound the connecting only.
   */
  async dial(port: number, options: DialOptions = {}): Promise<GuestConnection> {
    return await this.#connect({ kind: "dial", port, host: options.host ?? "" }, options);
  }

  /** The same of UDP, with a port of the guest's loopback: whoever listens there or not. Throws where the agent knows none. */
  async datagrams(port: number, options: Omit<DialOptions, "host"> = {}): Promise<GuestConnection> {
    this.#need(Ability.DATAGRAMS, "datagrams");
    return await this.#connect({ kind: "datagrams", port }, options);
  }

  async #connect(
    start: ConnectionStart & { readonly port: number },
    options: DialOptions,
  ): Promise<GuestConnection> {
    const { port } = start;
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
    try {
      const { writer } = this.#connection;
      writer.hold();
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
    if (this.#connection.lost === undefined) this.#connection.writer.release();
  }

  /** Ends the link and all its streams with the cause; the guest kills their commands when it meets the next one of its generation. */
  close(cause = new FastvmError("vm_died", "its link was closed")): void {
    this.#connection.lose(cause);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  #receive(kind: number, stream: number, payload: Buffer): void {
    if (stream === LINK_STREAM) return this.#receiveOwn(kind, payload);
    if (kind === Kind.OPEN_FORWARD) return this.#receiveForward(stream, payload);
    this.#streams.get(stream)?.receive(kind, payload);
  }

  #receiveOwn(kind: number, payload: Buffer): void {
    if (kind === Kind.PONG) this.#pings.receive(payload);
    else if (kind === Kind.IDENTITY_DONE) this.#receiveIdentityDone(payload);
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
    const onForward = this.#onForward;
    if (onForward === undefined || payload.length < 2 || !this.#streams.admits(id)) {
      this.#refuseForward(id);
      return;
    }
    const stream = this.#add(new ConnectionStream(id, this.#port, { kind: "forward" }));
    try {
      onForward(payload.readUInt16LE(0), stream.connection);
    } catch (error) {
      stream.reset(error, RESET_REFUSED);
    }
  }

  #refuseForward(id: number): void {
    try {
      this.#port.send([{ kind: Kind.RESET, stream: id, payload: u32(RESET_REFUSED) }]);
    } catch (error) {
      this.#connection.lose(
        new FastvmError("guest_unresponsive", "it does not read its answers", { cause: error }),
      );
    }
  }

  /** An agent that does not know a frame's kind would take it for garbage, and the link would be lost with all its streams. */
  #need(ability: number, what: string): void {
    if (this.#connection.lost !== undefined || (this.#connection.abilities & ability) !== 0) return;
    throw new FastvmError("vm_wrong_state", `its agent is of before ${what}; launch a new VM for them`);
  }

  #open<S extends LinkStream>(signal: AbortSignal | undefined, make: (id: number) => S): S {
    signal?.throwIfAborted();
    if (this.#connection.lost !== undefined) throw this.#connection.lost;
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
    if (this.#connection.lost !== undefined) throw this.#connection.lost;
    const question = this.#pings.ask();
    try {
      send(question.payload);
      await within(question.answered, { signal, deadlineMs, what: "answer" });
    } finally {
      question.forget();
    }
  }

  #failAll(cause: FastvmError): void {
    this.#watch.stop();
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

/** An agent of before would run it without. */
function isLimited({ limits = [], restricted = false }: ExecRequest): boolean {
  return limits.length > 0 || restricted;
}
