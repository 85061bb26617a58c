/**
 * For tests: a worker in another process, as far as its callers can tell. Each call, answer and
 * error is written as text and parsed back, so what passes no wire, such as a stream, a signal
 * or an error's class, has a form of its own here. A test double: no reconnecting, no bounds.
 */
import { Duplex, duplexPair } from "node:stream";
import { callbackify } from "node:util";
import { FastvmError } from "../../errors/errors.ts";
import { errorFromWire, errorToWire } from "../../errors/error-wire.ts";
import type { SnapshotId, VmId } from "../../model/ids.ts";
import type { InterceptionOrder } from "../../model/interception.ts";
import type { NetworkPolicy, NetworkReport } from "../../model/network-policy.ts";
import { RemoteBuilds, ServedBuilds } from "./remote-builds.ts";
import { RemoteExecs, ServedExecs } from "./remote-execs.ts";
import { RemoteVolumes, ServedVolumes, type OfferedContent } from "./remote-volumes.ts";
import type { CallOptions } from "../call-options.ts";
import type { FileModeOptions } from "../file-access.ts";
import type { ExecSpec } from "../exec-spec.ts";
import type { DialOptions, ExecEvent, ExecSession, GuestTarget } from "../guest-access.ts";
import type {
  DiskUsage,
  DiskUsers,
  VmLog,
  UsageHistory,
  VmUsage,
  WorkerCapacity,
  WorkerEvent,
  WorkerInventory,
} from "../host-state.ts";
import type { CaptureResult, SnapshotOptions } from "../snapshot-holding.ts";
import type { VmDeadline } from "../vm-life.ts";
import type {
  ForkChild,
  ForkResult,
  LaunchResult,
  ResumeOptions,
  StartOptions,
  StopOptions,
  StopResult,
  VmSpec,
} from "../vm-transitions.ts";
import type { WorkerPort } from "../worker-port.ts";
import { RemoteFiles, ServedFiles } from "./remote-files.ts";
import { WirePeer } from "./wire-peer.ts";

type Source = AsyncIterator<Uint8Array, unknown>;

export class RemoteWorker extends RemoteFiles implements WorkerPort, AsyncDisposable {
  readonly execs: RemoteExecs;
  readonly builds: RemoteBuilds;
  readonly volumes: RemoteVolumes;
  readonly #peer: WirePeer;
  readonly #served: ServedWorker;
  readonly #listeners = new Set<(event: WorkerEvent) => void>();
  /** What is being written, until the other side has taken it. */
  readonly #sources = new Map<number, Source>();
  #nextSource = 1;

  constructor(worker: WorkerPort) {
    super(() => this.#peer);
    const [near, far] = duplexPair();
    this.#served = new ServedWorker(worker, far);
    this.#peer = new WirePeer(near, (method, args) => this.#handle(method, args));
    this.execs = new RemoteExecs(this.#peer);
    this.builds = new RemoteBuilds(this.#peer);
    this.volumes = new RemoteVolumes(this.#peer, (content) => this.#offer(content));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#served.close();
    await this.#peer.close();
  }

  async capacity(): Promise<WorkerCapacity> {
    return (await this.#peer.call("capacity")) as WorkerCapacity;
  }

  async inventory(): Promise<WorkerInventory> {
    return (await this.#peer.call("inventory")) as WorkerInventory;
  }

  async launch(spec: VmSpec): Promise<LaunchResult> {
    return (await this.#peer.call("launch", [spec])) as LaunchResult;
  }

  async pause(vmId: VmId): Promise<CaptureResult> {
    return (await this.#peer.call("pause", [vmId])) as CaptureResult;
  }

  async resume(vmId: VmId, options: ResumeOptions = {}): Promise<LaunchResult> {
    return (await this.#peer.call("resume", [vmId, options])) as LaunchResult;
  }

  async stopVm(vmId: VmId, options: StopOptions = {}): Promise<StopResult> {
    return (await this.#peer.call("stopVm", [vmId, options])) as StopResult;
  }

  async startVm(vmId: VmId, options: StartOptions = {}): Promise<LaunchResult> {
    return (await this.#peer.call("startVm", [vmId, options])) as LaunchResult;
  }

  async fork(vmId: VmId, children: readonly ForkChild[]): Promise<ForkResult> {
    const { capture, children: outcomes } = (await this.#peer.call("fork", [vmId, children])) as ForkResult;
    const failed = (error: unknown) => ({ ok: false as const, error: errorFromWire(error) });
    return {
      capture,
      children: outcomes.map((child) => (child.ok ? child : { ...child, ...failed(child.error) })),
    };
  }

  async setDeadline(vmId: VmId, deadline: VmDeadline | null): Promise<void> {
    await this.#peer.call("setDeadline", [vmId, deadline]);
  }

  async setNetworkPolicy(vmId: VmId, policy: NetworkPolicy, { signal }: CallOptions = {}): Promise<void> {
    await this.#peer.call("setNetworkPolicy", [vmId, policy], signal);
  }

  async setInterception(vmId: VmId, order: InterceptionOrder | null): Promise<void> {
    await this.#peer.call("setInterception", [vmId, order]);
  }

  async deleteVm(vmId: VmId): Promise<void> {
    await this.#peer.call("deleteVm", [vmId]);
  }

  async createSnapshot(
    vmId: VmId,
    snapshotId: SnapshotId,
    options: SnapshotOptions = {},
  ): Promise<CaptureResult> {
    return (await this.#peer.call("createSnapshot", [vmId, snapshotId, options])) as CaptureResult;
  }

  async digestSnapshot(snapshotId: SnapshotId): Promise<Readonly<Record<string, string>>> {
    return (await this.#peer.call("digestSnapshot", [snapshotId])) as Record<string, string>;
  }

  async deleteSnapshot(snapshotId: SnapshotId): Promise<void> {
    await this.#peer.call("deleteSnapshot", [snapshotId]);
  }

  async setAuthorizedKeys(vmId: VmId, keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    await this.#peer.call("setAuthorizedKeys", [vmId, keys], signal);
  }

  async exec(vmId: VmId, spec: ExecSpec, { signal }: CallOptions = {}): Promise<ExecSession> {
    const handle = await this.#peer.call("exec", [vmId, spec], signal);
    return new RemoteSession(this.#peer, handle, signal);
  }

  async writeFile(
    vmId: VmId,
    path: string,
    content: AsyncIterable<Uint8Array>,
    { signal, mode }: FileModeOptions = {},
  ): Promise<void> {
    const offered = this.#offer(content);
    await offered.during(() => this.#peer.call("writeFile", [vmId, path, offered.handle, mode], signal));
  }

  /** What is to be written, for the other side to ask for bit by bit. */
  #offer(content: AsyncIterable<Uint8Array>): OfferedContent {
    const handle = this.#nextSource++;
    const source = content[Symbol.asyncIterator]();
    let failure: unknown;
    const watched: Source = {
      next: async () => {
        try {
          return await source.next();
        } catch (error) {
          failure = error;
          throw error;
        }
      },
      return: async () => (await source.return?.()) ?? { done: true, value: undefined },
    };
    this.#sources.set(handle, watched);
    return {
      handle,
      during: async (write) => {
        try {
          await write();
        } catch (error) {
          // It is the caller's own, and comes back to him as it was.
          throw failure ?? error;
        } finally {
          this.#sources.delete(handle);
        }
      },
    };
  }

  async dial(vmId: VmId, port: number, { signal, host }: DialOptions = {}): Promise<Duplex> {
    const peer = this.#peer;
    const handle = await peer.call("dial", [vmId, port, host], signal);
    return new Duplex({
      read(): void {
        peer.call("socket.read", [handle]).then(
          (data) => this.push(data ?? null),
          (error: unknown) => this.destroy(error as Error),
        );
      },
      write(chunk: Uint8Array, _encoding, done): void {
        callbackify(() => peer.call("socket.write", [handle, chunk]))(done);
      },
      final(done): void {
        callbackify(() => peer.call("socket.end", [handle]))(done);
      },
      destroy(error, done): void {
        callbackify(() => peer.call("socket.destroy", [handle]))(() => done(error));
      },
    });
  }

  async mapToLoopback(vmId: VmId, target: GuestTarget, { signal }: CallOptions = {}): Promise<boolean> {
    return (await this.#peer.call("mapToLoopback", [vmId, target], signal)) as boolean;
  }

  async usageHistory(vmId: VmId): Promise<UsageHistory> {
    return (await this.#peer.call("usageHistory", [vmId])) as UsageHistory;
  }

  async stats(vmId: VmId): Promise<VmUsage> {
    return (await this.#peer.call("stats", [vmId])) as VmUsage;
  }

  async diskUsage(of: DiskUsers): Promise<DiskUsage> {
    return (await this.#peer.call("diskUsage", [of])) as DiskUsage;
  }

  async consoleLog(vmId: VmId): Promise<VmLog> {
    return (await this.#peer.call("consoleLog", [vmId])) as VmLog;
  }

  async networkReport(vmId: VmId): Promise<NetworkReport | undefined> {
    return (await this.#peer.call("networkReport", [vmId])) as NetworkReport | undefined;
  }

  subscribe(listener: (event: WorkerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #handle(method: string, args: readonly unknown[]): Promise<unknown> {
    if (method === "event") {
      for (const listener of this.#listeners) listener(args[0] as WorkerEvent);
      return undefined;
    }
    const source = this.#sources.get(args[0] as number);
    return method === "source.next" ? await source?.next() : await source?.return?.();
  }
}

class RemoteSession implements ExecSession {
  readonly #peer: WirePeer;
  readonly #handle: unknown;
  readonly #signal: AbortSignal | undefined;

  constructor(peer: WirePeer, handle: unknown, signal: AbortSignal | undefined) {
    this.#peer = peer;
    this.#handle = handle;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncIterator<ExecEvent, undefined> {
    const ask = async (method: string, signal?: AbortSignal) =>
      (await this.#peer.call(method, [this.#handle], signal)) as IteratorResult<ExecEvent, undefined>;
    return { next: () => ask("session.next", this.#signal), return: () => ask("session.return") };
  }

  get pid(): Promise<number | undefined> {
    return this.#peer
      .call("session.pid", [this.#handle])
      .then((pid) => (pid ?? undefined) as number | undefined);
  }

  async writeStdin(data: Uint8Array): Promise<void> {
    await this.#peer.call("session.writeStdin", [this.#handle, data]);
  }

  closeStdin(): void {
    void this.#peer.call("session.closeStdin", [this.#handle]);
  }

  resize(cols: number, rows: number): void {
    void this.#peer.call("session.resize", [this.#handle, cols, rows]);
  }

  signal(number: number): void {
    void this.#peer.call("session.signal", [this.#handle, number]);
  }

  kill(): void {
    void this.#peer.call("session.kill", [this.#handle]);
  }
}

/** The other side: what is called there happens at the worker itself. */
class ServedWorker {
  readonly #worker: WorkerPort;
  readonly #files: ServedFiles;
  readonly #execs: ServedExecs;
  readonly #builds: ServedBuilds;
  readonly #volumes: ServedVolumes;
  readonly #peer: WirePeer;
  readonly #unsubscribe: () => void;
  readonly #sessions = new Map<number, { session: ExecSession; events: AsyncIterator<ExecEvent> }>();
  readonly #sockets = new Map<number, { socket: Duplex; chunks: AsyncIterator<Uint8Array> }>();
  #nextHandle = 1;

  constructor(worker: WorkerPort, stream: Duplex) {
    this.#worker = worker;
    this.#files = new ServedFiles(worker);
    this.#execs = new ServedExecs(worker.execs);
    this.#builds = new ServedBuilds(worker.builds);
    this.#volumes = new ServedVolumes(worker.volumes, (handle) => this.#source(handle));
    this.#peer = new WirePeer(stream, (method, args, signal) => this.#handle(method, args, signal));
    this.#unsubscribe = worker.subscribe((event) => void this.#peer.call("event", [event]));
  }

  close(): void {
    this.#unsubscribe();
    for (const { socket } of this.#sockets.values()) socket.destroy();
  }

  async #handle(method: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const [first] = args;
    const ofFiles = this.#files.handle(method, args, signal);
    if (ofFiles !== undefined) return await ofFiles;
    if (method.startsWith("builds.")) return await this.#builds.handle(method, args, signal);
    if (method.startsWith("volumes.")) return await this.#volumes.handle(method, args, signal);
    if (method.startsWith("execs.")) return await this.#execs.handle(method, args, signal);
    if (method.startsWith("session.")) return await this.#ofSession(method, args);
    if (method.startsWith("socket.")) return await this.#ofSocket(method, args);
    if (method === "exec") return await this.#exec(first as VmId, args[1] as ExecSpec, signal);
    if (method === "dial") {
      const [, port, host] = args as [unknown, number, string | null];
      return await this.#dial(first as VmId, port, { signal, host: host ?? undefined });
    }
    if (method === "writeFile") {
      const content = this.#source(args[2] as number);
      const mode = (args[3] ?? undefined) as number | undefined;
      return await this.#worker.writeFile(first as VmId, args[1] as string, content, { mode, signal });
    }
    if (method === "fork") return await this.#fork(first as VmId, args[1] as ForkChild[]);
    return await this.#plain(method, args, signal);
  }

  /** Arguments and answer pass as they are. */
  async #plain(method: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const takesSignal = ["setNetworkPolicy", "setAuthorizedKeys", "mapToLoopback"].includes(method);
    const call = this.#worker[method as "launch"] as unknown as (...all: unknown[]) => Promise<unknown>;
    if (typeof call !== "function") throw new FastvmError("invalid_request", method);
    return await call.apply(this.#worker, takesSignal ? [...args, { signal }] : [...args]);
  }

  async #fork(vmId: VmId, children: readonly ForkChild[]): Promise<unknown> {
    const result = await this.#worker.fork(vmId, children);
    const wired = (child: ForkResult["children"][number]) =>
      child.ok ? child : { ...child, error: errorToWire(child.error) };
    return { ...result, children: result.children.map(wired) };
  }

  /** The signal stays the session's. */
  async #exec(vmId: VmId, spec: ExecSpec, signal: AbortSignal): Promise<number> {
    const session = await this.#worker.exec(vmId, spec, { signal });
    this.#sessions.set(this.#nextHandle, { session, events: session[Symbol.asyncIterator]() });
    return this.#nextHandle++;
  }

  async #ofSession(method: string, [handle, ...rest]: readonly unknown[]): Promise<unknown> {
    const { session, events } = this.#require(this.#sessions, handle);
    if (method === "session.next") return await events.next();
    if (method === "session.pid") return await session.pid;
    if (method === "session.return") return await events.return?.();
    if (method === "session.writeStdin") return await session.writeStdin(rest[0] as Uint8Array);
    if (method === "session.closeStdin") return session.closeStdin();
    if (method === "session.resize") return session.resize(rest[0] as number, rest[1] as number);
    if (method === "session.signal") return session.signal(rest[0] as number);
    return session.kill();
  }

  async #dial(vmId: VmId, port: number, options: DialOptions): Promise<number> {
    const socket = await this.#worker.dial(vmId, port, options);
    this.#sockets.set(this.#nextHandle, { socket, chunks: socket[Symbol.asyncIterator]() });
    return this.#nextHandle++;
  }

  async #ofSocket(method: string, [handle, data]: readonly unknown[]): Promise<unknown> {
    const { socket, chunks } = this.#require(this.#sockets, handle);
    if (method === "socket.read") return (await chunks.next()).value;
    if (method === "socket.write") return void socket.write(data);
    if (method === "socket.end") return void socket.end();
    return void socket.destroy();
  }

  #source(handle: number): AsyncIterable<Uint8Array> {
    const ask = async (method: string) =>
      (await this.#peer.call(method, [handle])) as IteratorResult<Uint8Array, undefined>;
    return {
      [Symbol.asyncIterator]: () => ({ next: () => ask("source.next"), return: () => ask("source.return") }),
    };
  }

  #require<T>(all: ReadonlyMap<number, T>, handle: unknown): T {
    const found = all.get(handle as number);
    if (found === undefined) throw new FastvmError("not_found", `handle ${String(handle)}`);
    return found;
  }
}
