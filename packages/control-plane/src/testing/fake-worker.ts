/**
 * A worker without VMs, for tests of the control plane: it keeps the port's promises (idempotence, one outcome per child,
 * nothing left after a rejection) and lets a test choose delays, failures and what commands print. It runs nothing.
 */
import type { Duplex } from "node:stream";
import {
  FastvmError,
  type BackgroundExecs,
  type CallOptions,
  type DialOptions,
  type CaptureResult,
  type ErrorCode,
  type ExecEvent,
  type ExecSession,
  type ExecSpec,
  type FileAccess,
  type ForkChild,
  type ForkResult,
  type GuestTarget,
  type LaunchResult,
  type NetworkPolicy,
  type NetworkReport,
  type ResumeOptions,
  type SnapshotId,
  type SnapshotOptions,
  type StartOptions,
  type StopOptions,
  type StopResult,
  type VmDeadline,
  type VmId,
  type DiskShare,
  type DiskUsage,
  type DiskUsers,
  type VmLog,
  type VmSpec,
  type VolumeHolding,
  type UsageHistory,
  type VmUsage,
  type WorkerCapacity,
  type InterceptionOrder,
  type WorkerEvent,
  type WorkerInventory,
  type WorkerPort,
} from "@fastvm/contract";
import { FakeFileAccess } from "./fake-file-access.ts";
import { aborted, exitAtOnce, FakeSession, type FakeTerminal } from "./fake-session.ts";
import { FakeBuilds } from "./fake-builds.ts";
import { FakeExecs } from "./fake-execs.ts";
import { FakePorts } from "./fake-ports.ts";
import { hits, lifeOf, type FakeVm } from "./fake-vm.ts";
import { FakeVolumes } from "./fake-volumes.ts";

/** What a command does: yields output, returns its exit. */
export type FakeCommand = (spec: ExecSpec) => AsyncIterable<ExecEvent>;

type Method =
  | "launch"
  | "pause"
  | "resume"
  | "stopVm"
  | "startVm"
  | "deleteVm"
  | "createSnapshot"
  | "deleteSnapshot"
  | "digestSnapshot"
  | "fork"
  | "setDeadline"
  | "setAuthorizedKeys"
  | "setNetworkPolicy"
  | "setInterception"
  | "networkReport"
  | "mapToLoopback"
  | "stats"
  | "consoleLog"
  | "exec"
  | keyof FileAccess
  | "dial"
  | `execs.${keyof BackgroundExecs}`
  | `volumes.${keyof Omit<VolumeHolding, "files">}`;

const DELETED = "it was deleted meanwhile";
const CAPTURE: CaptureResult = { pauseMs: 12.5, dirtyBytes: 4096, durationMs: 20 };

export class FakeWorker extends FakeFileAccess implements WorkerPort {
  memoryMib = 512 * 1024;
  diskTotalBytes = 2 ** 42;
  /** Whether VMs have an address of their own. */
  hasNetwork = true;
  readonly vms = new Map<VmId, FakeVm>();
  readonly snapshots = new Set<SnapshotId>();
  /** Those of which a file is another now. */
  readonly damaged = new Set<SnapshotId>();
  /** Calls by method, in order. */
  readonly calls: { method: Method; id: string }[] = [];
  /** Children of the next forks that fail, by position. */
  readonly failingChildren = new Map<number, unknown>();
  /** Commands whose client went away or that were killed. */
  killed = 0;
  command: FakeCommand = exitAtOnce;
  /** What commands were given on stdin, and the sizes of their terminals. */
  readonly terminal: FakeTerminal = { input: "", sizes: [], signals: [] };
  readonly builds = new FakeBuilds();
  readonly execs = new FakeExecs({
    enter: async (method, vmId, signal) => {
      await this.#enter(`execs.${method}`, vmId, signal);
      this.#requireRunning(vmId);
    },
    command: (spec) => this.command(spec),
  });
  readonly volumes = new FakeVolumes({
    enter: (method, id, signal) => this.#enter(`volumes.${method}`, id, signal),
    requireRunning: (vmId) => void this.#requireRunning(vmId),
  });
  readonly #failures = new Map<Method, unknown[]>();
  readonly #gates = new Map<Method, Promise<void>>();
  readonly #hanging = new Map<VmId, Promise<void>>();
  /** What ends calls that are under way with a VM when it is deleted. */
  readonly #deletions = new Map<VmId, AbortController>();
  readonly #listeners = new Set<(event: WorkerEvent) => void>();

  constructor() {
    super(async (method, vmId, signal) => {
      await this.#enter(method, vmId, signal);
      this.#requireRunning(vmId);
    });
  }

  /** The next call of the method rejects with the error. */
  failNext(method: Method, error: unknown): void {
    this.#failures.set(method, [...(this.#failures.get(method) ?? []), error]);
  }

  /** Those that no call has met. */
  forgetFailures(): void {
    this.#failures.clear();
  }

  /** Calls of the method wait until the returned function is called. */
  hold(method: Method): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gates.set(method, promise);
    return () => {
      this.#gates.delete(method);
      resolve();
    };
  }

  /** The start of the VM, by launch, resume or fork, gets nowhere until the returned function is called, or the VM is deleted. */
  hangStart(vmId: VmId): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hanging.set(vmId, promise);
    return () => {
      this.#hanging.delete(vmId);
      resolve();
    };
  }

  emit(event: WorkerEvent): void {
    if (event.kind === "vm_failed") this.#fail(event.vmId, event.reason);
    const { reason, restarts } = { reason: undefined, restarts: false, ...event };
    if (event.kind === "vm_stopped") this.#rest(this.#require(event.vmId), reason, restarts);
    for (const listener of this.#listeners) listener(event);
  }

  /** As a deadline that passed: the VM is paused or gone, then whoever listens is told, unless the news are lost. */
  expire(vmId: VmId, news: "told" | "lost" = "told"): void {
    const vm = this.#require(vmId);
    const { deadline } = vm;
    if (deadline === undefined || vm.status !== "running") throw new Error("the VM has no deadline");
    if (deadline.action === "delete") this.vms.delete(vmId);
    else this.#stop(vm);
    if (news === "told") this.emit({ kind: "vm_expired", vmId, ...deadline });
  }

  capacity(): Promise<WorkerCapacity> {
    const runningVms = [...this.vms.values()].filter((vm) => vm.status === "running").length;
    return Promise.resolve({
      vcpus: 2,
      memoryMib: this.memoryMib,
      largestMachine: { cpu: 64, memoryMib: this.memoryMib },
      diskFreeBytes: 2 ** 40,
      diskTotalBytes: this.diskTotalBytes,
      runningVms,
      accelerator: "tcg",
    });
  }

  inventory(): Promise<WorkerInventory> {
    const vms = [...this.vms].map(
      ([vmId, { status, spec, reason, restarts, deadline, generation = 1, ...vm }]) => ({
        vmId,
        status,
        generation,
        memoryMib: spec?.machine.memoryMib ?? 2048,
        ...(deadline === undefined ? {} : { deadline }),
        ...(reason === undefined ? {} : { reason }),
        ...(restarts === true ? { restarts } : {}),
        ...(vm.cause && { cause: vm.cause }),
        ...(status === "error" && vm.hasDisk === true && { hasDisk: true }),
        ...this.#addressOf(vmId),
      }),
    );
    return Promise.resolve({ vms, snapshots: [...this.snapshots], volumes: [...this.volumes.all.keys()] });
  }

  async launch(spec: VmSpec): Promise<LaunchResult> {
    await this.#enterUntilDeleted("launch", spec.vmId, spec.vmId, "launch_failed");
    await this.#started(spec.vmId);
    if (spec.source.kind === "snapshot" && !this.snapshots.has(spec.source.snapshotId)) {
      throw new FastvmError("not_found", "no such snapshot");
    }
    this.vms.set(spec.vmId, { status: "running", spec, ...lifeOf(spec) });
    return { ...this.#launched(spec.vmId), mounts: this.volumes.start(spec.vmId, spec.volumes ?? []) };
  }

  async pause(vmId: VmId): Promise<CaptureResult> {
    await this.#enterUntilDeleted("pause", vmId, vmId, "vm_died");
    this.#stop(this.#require(vmId));
    this.volumes.stop(vmId);
    return CAPTURE;
  }

  async resume(vmId: VmId, options: ResumeOptions = {}): Promise<LaunchResult> {
    await this.#enterUntilDeleted("resume", vmId, vmId, "launch_failed");
    const vm = this.#require(vmId);
    if (vm.status === "paused") {
      await this.#started(vmId);
      const generation = Math.max(options.generation ?? 0, (vm.generation ?? 1) + 1);
      Object.assign(vm, lifeOf({ ...options, generation }), { status: "running" });
      return { ...this.#launched(vmId), mounts: this.volumes.start(vmId, options.volumes ?? []) };
    }
    return this.#launched(vmId);
  }

  /** Its guest powers off at once. */
  async stopVm(vmId: VmId, { graceMs }: StopOptions = {}): Promise<StopResult> {
    await this.#enterUntilDeleted("stopVm", vmId, vmId, "vm_died");
    const vm = this.#require(vmId);
    const [isForced, reason] = [graceMs === 0, "Stopped: its guest powered off"];
    if (vm.status === "stopped") vm.restarts = false;
    else this.#rest(this.#requireRunning(vmId), reason, false);
    this.volumes.stop(vmId);
    return { reason: vm.reason ?? reason, isForced };
  }

  async startVm(vmId: VmId, options: StartOptions = {}): Promise<LaunchResult> {
    await this.#enterUntilDeleted("startVm", vmId, vmId, "launch_failed");
    const vm = this.#require(vmId);
    if (vm.status === "running") return this.#launched(vmId);
    const isAtRest = vm.status === "stopped" || (vm.status === "error" && vm.hasDisk === true);
    if (!isAtRest) throw new FastvmError("vm_wrong_state");
    await this.#started(vmId);
    const generation = Math.max(options.generation ?? 0, (vm.generation ?? 1) + 1);
    const life = { status: "running", reason: undefined, restarts: false, cause: undefined };
    Object.assign(vm, lifeOf({ ...options, generation }), life);
    return { ...this.#launched(vmId), mounts: this.volumes.start(vmId, options.volumes ?? []) };
  }

  async deleteVm(vmId: VmId): Promise<void> {
    await this.#enter("deleteVm", vmId, undefined);
    this.#deletions.get(vmId)?.abort();
    this.#deletions.delete(vmId);
    this.vms.delete(vmId);
    this.volumes.stop(vmId);
  }

  async createSnapshot(vmId: VmId, id: SnapshotId, options: SnapshotOptions = {}): Promise<CaptureResult> {
    await this.#enterUntilDeleted("createSnapshot", id, vmId, "vm_died");
    const { status } = this.#require(vmId);
    this.snapshots.add(id);
    return options.reclaim === true && status === "running" ? { ...CAPTURE, reclaimedBytes: 8192 } : CAPTURE;
  }

  async digestSnapshot(snapshotId: SnapshotId): Promise<Readonly<Record<string, string>>> {
    await this.#enter("digestSnapshot", snapshotId, undefined);
    if (!this.snapshots.has(snapshotId)) throw new FastvmError("not_found");
    return { "manifest.json": (this.damaged.has(snapshotId) ? "1" : "0").repeat(64) };
  }

  async deleteSnapshot(snapshotId: SnapshotId): Promise<void> {
    await this.#enter("deleteSnapshot", snapshotId, undefined);
    this.snapshots.delete(snapshotId);
  }

  async fork(vmId: VmId, children: readonly ForkChild[]): Promise<ForkResult> {
    for (const child of children) this.#deletionOf(child.vmId);
    await this.#enterUntilDeleted("fork", vmId, vmId, "vm_died");
    this.#require(vmId);
    const startChild = async (child: ForkChild, index: number) => {
      try {
        await this.#started(child.vmId);
        if (this.failingChildren.has(index)) throw this.failingChildren.get(index);
      } catch (error) {
        return { vmId: child.vmId, ok: false as const, error };
      }
      this.vms.set(child.vmId, { status: "running", spec: undefined, ...lifeOf(child) });
      const mounts = this.volumes.start(child.vmId, child.volumes ?? []);
      return { vmId: child.vmId, ok: true as const, launch: { ...this.#launched(child.vmId), mounts } };
    };
    return { capture: CAPTURE, children: await Promise.all(children.map(startChild)) };
  }

  async setDeadline(vmId: VmId, deadline: VmDeadline | null): Promise<void> {
    await this.#enter("setDeadline", vmId, undefined);
    this.#requireRunning(vmId).deadline = deadline ?? undefined;
  }

  async setAuthorizedKeys(vmId: VmId, keys: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.#enter("setAuthorizedKeys", vmId, options.signal);
    this.#requireRunning(vmId).authorizedKeys = keys;
  }

  async setNetworkPolicy(vmId: VmId, policy: NetworkPolicy, options: CallOptions = {}): Promise<void> {
    await this.#enter("setNetworkPolicy", vmId, options.signal);
    this.#require(vmId).network = policy;
  }

  /** What VMs' proxies were told, as long as they are there. */
  readonly interceptions = new Map<VmId, InterceptionOrder>();

  async setInterception(vmId: VmId, order: InterceptionOrder | null): Promise<void> {
    await this.#enter("setInterception", vmId, undefined);
    if (order === null) this.interceptions.delete(vmId);
    else this.interceptions.set(vmId, order);
  }

  async networkReport(vmId: VmId): Promise<NetworkReport | undefined> {
    await this.#enter("networkReport", vmId, undefined);
    const { status, network } = this.#require(vmId);
    if (status !== "running" || network === undefined || !this.hasNetwork) return undefined;
    return {
      rules: {
        ingress: network.ingress.rules.map((_, index) => hits(index + 1)),
        egress: network.egress.rules.map((_, index) => hits(index + 1)),
      },
      defaults: { ingress: hits(20), egress: hits(30) },
      traffic: { sent: hits(40), received: hits(50) },
      dropped: hits(60),
      dns: { answered: 1, refused: 2, filtered: 3, limited: 4, failed: 5 },
    };
  }

  readonly #ports = new FakePorts();
  readonly echoPorts = this.#ports.echo;
  readonly greetings = this.#ports.greetings;
  readonly reachable = this.#ports.reachable;

  async dial(vmId: VmId, port: number, options: DialOptions = {}): Promise<Duplex> {
    await this.#enter("dial", vmId, options.signal);
    this.#requireRunning(vmId);
    return this.#ports.dial(port, options.host);
  }

  /** Hosts that lead to the API inside VMs. */
  readonly mapped: (GuestTarget & { readonly vmId: VmId })[] = [];

  async mapToLoopback(vmId: VmId, target: GuestTarget, options: CallOptions = {}): Promise<boolean> {
    await this.#enter("mapToLoopback", vmId, options.signal);
    this.#requireRunning(vmId);
    this.mapped.push({ vmId, ...target });
    return true;
  }

  async exec(vmId: VmId, spec: ExecSpec, options: CallOptions = {}): Promise<ExecSession> {
    await this.#enterInTime("exec", vmId, options.signal, spec.timeoutMs);
    this.#requireRunning(vmId);
    const kill = () => {
      this.killed += 1;
    };
    return new FakeSession(this.command(spec), options.signal, kill, this.terminal);
  }

  /** What each VM has printed, and what it uses. */
  log: VmLog = { console: Buffer.from("hello"), hypervisor: Buffer.alloc(0) };
  usage: VmUsage = { disk: { usedBytes: 4096, ownBytes: 1024 } };

  async stats(vmId: VmId): Promise<VmUsage> {
    await this.#enter("stats", vmId, undefined);
    this.#require(vmId);
    return this.usage;
  }

  samples: UsageHistory["samples"] = [];

  async usageHistory(vmId: VmId): Promise<UsageHistory> {
    this.#require(vmId);
    return { everyMs: 10_000, samples: this.samples };
  }

  /** Each VM and snapshot takes this, and shares nothing. */
  share: DiskShare = { usedBytes: 4096, ownBytes: 1024 };

  async diskUsage({ vmIds, snapshotIds }: DiskUsers): Promise<DiskUsage> {
    const [vms, snapshots] = [vmIds.map(() => this.share), snapshotIds.map(() => this.share)];
    return { vms, snapshots, usedBytes: (vms.length + snapshots.length) * this.share.usedBytes };
  }

  async consoleLog(vmId: VmId): Promise<VmLog> {
    await this.#enter("consoleLog", vmId, undefined);
    this.#require(vmId);
    return this.log;
  }

  subscribe(listener: (event: WorkerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** As `#enter`, but a delete of the VM ends the wait as it does at a worker with VMs. */
  async #enterUntilDeleted(method: Method, id: string, vmId: VmId, code: ErrorCode): Promise<void> {
    const deletion = this.#deletionOf(vmId);
    try {
      await this.#enter(method, id, deletion.signal);
    } catch (error) {
      if (!deletion.signal.aborted) throw error;
      throw new FastvmError(code, DELETED);
    }
  }

  /** As `#enter`, but no longer than the caller's own limit. */
  async #enterInTime(
    method: Method,
    id: string,
    signal: AbortSignal | undefined,
    limitMs: number | undefined,
  ): Promise<void> {
    if (limitMs === undefined || !this.#gates.has(method)) return await this.#enter(method, id, signal);
    const over = new AbortController();
    const timer = setTimeout(
      () => over.abort(new FastvmError("guest_unresponsive", "the command's time is over")),
      limitMs,
    );
    try {
      await this.#enter(method, id, AbortSignal.any([over.signal, ...(signal ? [signal] : [])]));
    } finally {
      clearTimeout(timer);
    }
  }

  async #started(vmId: VmId): Promise<void> {
    const { signal } = this.#deletionOf(vmId);
    try {
      await Promise.race([this.#hanging.get(vmId), aborted(signal)]);
    } catch {
      throw new FastvmError("launch_failed", DELETED);
    }
  }

  #deletionOf(vmId: VmId): AbortController {
    const deletion = this.#deletions.get(vmId) ?? new AbortController();
    this.#deletions.set(vmId, deletion);
    return deletion;
  }

  async #enter(method: Method, id: string, signal: AbortSignal | undefined): Promise<void> {
    this.calls.push({ method, id });
    const gate = this.#gates.get(method);
    if (gate !== undefined) await Promise.race([gate, aborted(signal)]);
    signal?.throwIfAborted();
    const failures = this.#failures.get(method) ?? [];
    if (failures.length > 0) throw failures.shift();
  }

  /** The address is the same in every life of a VM. */
  #launched(vmId: VmId): LaunchResult {
    return { durationMs: 30, fromPool: false, ...this.#addressOf(vmId) };
  }

  #addressOf(vmId: VmId): Pick<LaunchResult, "publicIpv6"> {
    return this.hasNetwork ? { publicIpv6: `fd00::${vmId.slice(0, 4)}:${vmId.slice(4, 8)}` } : {};
  }

  #require(vmId: VmId): FakeVm {
    const vm = this.vms.get(vmId);
    if (vm === undefined) throw new FastvmError("not_found", "the worker has no such VM");
    return vm;
  }

  #requireRunning(vmId: VmId): FakeVm {
    const vm = this.#require(vmId);
    if (vm.status !== "running") throw new FastvmError("vm_wrong_state");
    return vm;
  }

  #fail(vmId: VmId, reason: string): void {
    const vm = this.vms.get(vmId);
    if (vm?.hasDisk === true) Object.assign(vm, { status: "error", reason, deadline: undefined });
    else this.vms.delete(vmId);
  }

  #rest(vm: FakeVm, reason: string | undefined, restarts: boolean): void {
    this.#stop(vm);
    Object.assign(vm, { status: "stopped", reason, restarts });
  }

  #stop(vm: FakeVm): void {
    vm.status = "paused";
    vm.deadline = undefined;
  }
}
