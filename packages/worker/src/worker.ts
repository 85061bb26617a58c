/** The worker of one host: WorkerPort over real QEMU processes. Each method finds its VM and hands over to the transition of that name. */
import { rm } from "node:fs/promises";
import { cpus } from "node:os";
import type { Duplex } from "node:stream";
import { FastvmError, parseMachineType, step } from "@fastvm/contract";
import type {
  CallOptions,
  CaptureResult,
  ExecSession,
  ExecSpec,
  FileEvent,
  FileInfo,
  FileInfoOptions,
  FileListing,
  FileModeOptions,
  ForkChild,
  ForkResult,
  GuestTarget,
  CacheHolding,
  ImageHolding,
  ImageOwner,
  LaunchResult,
  ListFilesOptions,
  NetworkPolicy,
  NetworkReport,
  RecursiveOptions,
  ResumeOptions,
  SnapshotId,
  SnapshotOptions,
  StartOptions,
  StopOptions,
  StopResult,
  VmDeadline,
  VmId,
  DiskUsage,
  DiskUsers,
} from "@fastvm/contract";
import type { UsageHistory, VmLog, VmSpec, VmUsage } from "@fastvm/contract";
import type { WorkerCapacity, WorkerEvent, WorkerInventory, WorkerPort } from "@fastvm/contract";
import { WorkerBuilds } from "./builds/image-builds.ts";
import { buildRunner } from "./builds/run-build.ts";
import { ensureImage } from "./image-build/ensure-image.ts";
import { importImage } from "./image-build/import/import-image.ts";
import { WorkerVolumes } from "./worker-volumes.ts";
import { workerMetrics, type WorkerMetrics } from "./worker-metrics.ts";
import { unlessAborted } from "./concurrency/unless-aborted.ts";
import type { WorkerConfig } from "./config.ts";
import { openContext } from "./open-context.ts";
import type { Verdict } from "./qemu/accelerator.ts";
import { recover } from "./recovery/recover.ts";
import { readHostMemory } from "./host/memory.ts";
import { diskRoom } from "./vm/state/admission.ts";
import { compactMemory } from "./vm/capture/compact-memory.ts";
import { compactDisk, needsCompaction } from "./vm/capture/compact-disk.ts";
import { consoleLog } from "./vm/state/console-log.ts";
import { createSnapshot } from "./vm/transitions/create-snapshot.ts";
import { SnapshotDigests } from "./snapshot/integrity.ts";
import { diskUsage } from "./vm/state/disk-usage.ts";
import { Deadlines } from "./vm/state/deadlines.ts";
import { deleteUnreadable, deleteVm } from "./vm/transitions/delete-vm.ts";
import { GuestExecs } from "./vm/guest/background-execs.ts";
import { dial } from "./vm/guest/dial.ts";
import { exec } from "./vm/guest/exec.ts";
import {
  fileInfo,
  listFiles,
  makeFolder,
  removeFile,
  renameFile,
  setFileMode,
} from "./vm/guest/file-verbs.ts";
import { expire } from "./vm/transitions/expire.ts";
import { fork } from "./vm/transitions/fork.ts";
import { settleLostGuest } from "./vm/transitions/guest-lost.ts";
import { networkOf } from "./vm/state/holdings.ts";
import { launch } from "./vm/transitions/launch.ts";
import { mapToLoopback } from "./vm/guest/map-to-loopback.ts";
import { pause } from "./vm/transitions/pause.ts";
import { readFile } from "./vm/guest/read-file.ts";
import { resume } from "./vm/transitions/resume.ts";
import { setAuthorizedKeys } from "./vm/guest/set-authorized-keys.ts";
import { setDeadline } from "./vm/transitions/set-deadline.ts";
import { setInterception } from "./vm/transitions/set-interception.ts";
import { setNetworkPolicy } from "./vm/transitions/set-network-policy.ts";
import { start as startAtRest } from "./vm/transitions/start.ts";
import { foundSnapshots } from "./vm/state/found-snapshots.ts";
import { foundVms } from "./vm/state/found-vm.ts";
import { isAtRest } from "./vm/state/folder-of.ts";
import { Starts } from "./vm/state/starts.ts";
import { stats } from "./vm/state/stats.ts";
import { UsageHistories } from "./vm/state/usage-history.ts";
import { stop } from "./vm/transitions/stop.ts";
import type { Vm } from "./vm/state/vm.ts";
import { watchFiles } from "./vm/guest/watch-files.ts";
import { writeFile } from "./vm/guest/write-file.ts";
import { snapshotFolder, type WorkerContext } from "./vm/state/worker-context.ts";
import type { GuestForward } from "./vm/state/guest-forward.ts";

const CPU_OVERCOMMIT = 64;
/** One guest with many more vCPUs than the host has processors spends its time waiting for its own locks. */
const MAX_VCPUS_PER_PROCESSOR = 4;
const MIN_LARGEST_VCPUS = 8;
/** Each has a VM of 2 GiB that is busy until it ends. */
const MAX_BUILDS = 4;

interface WorkerOptions {
  readonly config: WorkerConfig;
  /** Told of failures that no caller waits for. */
  readonly onError: (error: unknown) => void;
  /** Takes the connections that guests open to its ports on addresses of their own. Without it none are carried. */
  readonly forward?: GuestForward;
}

export class Worker implements WorkerPort {
  readonly verdict: Verdict;
  readonly execs = new GuestExecs((vmId) => this.#require(vmId));
  readonly builds: WorkerBuilds;
  readonly volumes: WorkerVolumes;
  readonly #context: WorkerContext;
  readonly #listeners = new Set<(event: WorkerEvent) => void>();
  readonly #starts = new Starts();
  readonly #ending: AbortController;
  readonly #onError: (error: unknown) => void;
  readonly #histories: UsageHistories;
  readonly #digests = new SnapshotDigests();
  readonly #deadlines = new Deadlines((vmId) => this.#expire(vmId));

  /** Recovers what an earlier daemon left, then is ready. */
  static async start(options: WorkerOptions): Promise<Worker> {
    let worker: Worker | undefined;
    const ending = new AbortController();
    const lost: WorkerContext["onGuestLost"] = (vm, shutdown) => worker?.guestLost(vm, shutdown);
    const { context, verdict } = await openContext(options.config, {
      onGuestLost: lost,
      emit: (event) => worker?.emit(event),
      onError: options.onError,
      forward: options.forward,
      ending: ending.signal,
    });
    worker = new Worker(context, verdict, options.onError, ending);
    await recover(context);
    for (const vmId of context.vms.keys()) worker.#armDeadline(vmId);
    // Not waited for: it may have gigabytes to remove.
    void context.cache.sweep();
    return worker;
  }

  private constructor(
    context: WorkerContext,
    verdict: Verdict,
    onError: (error: unknown) => void,
    ending: AbortController,
  ) {
    this.#ending = ending;
    this.#context = context;
    this.volumes = new WorkerVolumes(context, {
      require: (vmId) => this.#require(vmId),
      turn: (vmId, work, signal) => this.#transition(vmId, work, signal),
    });
    this.builds = new WorkerBuilds({ run: buildRunner(context), maxUnderWay: MAX_BUILDS, onError });
    this.verdict = verdict;
    this.#onError = onError;
    this.#histories = new UsageHistories(context);
  }

  get images(): ImageHolding {
    const { images, cache } = this.#context;
    // Not waited for: what has just come is not what goes.
    const swept = <T>(brought: T): T => {
      void cache.sweep();
      return brought;
    };
    return {
      pull: (order, options) => images.pull(order, options).then(swept),
      list: (owner) => images.list(owner),
      inspect: (image, owner) => images.inspect(image, owner),
      remove: (image, owner) => images.remove(image, owner),
      load: (archive, options) => images.load(archive, options).then(swept),
      save: (image, owner) => images.save(image, owner),
      warm: (image, machine, owner) => this.warm(machine, image, owner),
      setStart: (image, start, owner) => images.setStart(image, start, owner),
      import: (order, options) => importImage(this.#context, order, options).then(swept),
    };
  }

  get cache(): CacheHolding {
    return this.#context.cache;
  }

  /** Makes the template of a machine type if there is none, and keeps processes ready for it. */
  async warm(machineName: string, imageName?: string, owner?: ImageOwner): Promise<void> {
    const machine = parseMachineType(machineName);
    if (machine === undefined) throw new FastvmError("invalid_request", `machine type ${machineName}`);
    const image =
      imageName === undefined ? this.#context.image : await ensureImage(this.#context, imageName, owner);
    const template = await this.#context.templates.ensure({ image, machine });
    await this.#context.pool.serve(template);
    // Not waited for: it takes a restore each, and launches work without.
    this.#context.standby.serve(template).catch(this.#onError);
  }

  async capacity(): Promise<WorkerCapacity> {
    const running = [...this.#context.vms.values()].filter((vm) => vm.record.phase === "running");
    const disk = await diskRoom(this.#context.config.dataDir);
    const { totalMib } = readHostMemory();
    return {
      vcpus: cpus().length * CPU_OVERCOMMIT,
      memoryMib: Math.floor(totalMib * this.#context.config.memoryOvercommit),
      largestMachine: {
        cpu: Math.max(MIN_LARGEST_VCPUS, cpus().length * MAX_VCPUS_PER_PROCESSOR),
        memoryMib: totalMib,
      },
      diskFreeBytes: disk.freeBytes,
      diskTotalBytes: disk.totalBytes,
      runningVms: running.length,
      accelerator: this.#context.accelerator,
    };
  }

  async inventory(): Promise<WorkerInventory> {
    const snapshots = await foundSnapshots(this.#context);
    return { vms: foundVms(this.#context), snapshots, volumes: await this.#context.volumes.store.list() };
  }

  async launch(spec: VmSpec): Promise<LaunchResult> {
    const { vmId } = spec;
    const result = await this.#starts.run([vmId], (signalOf) => launch(this.#context, spec, signalOf(vmId)));
    this.#armDeadline(spec.vmId);
    this.#compactSoon(spec.vmId);
    return { ...result, mounts: await this.volumes.settle(spec.vmId, spec.volumes ?? []) };
  }

  async pause(vmId: VmId): Promise<CaptureResult> {
    await this.volumes.writeOut(vmId);
    return await this.#transition(vmId, (vm) => pause(this.#context, vm));
  }

  async resume(vmId: VmId, options: ResumeOptions = {}): Promise<LaunchResult> {
    const wasRunning = this.#require(vmId).record.phase === "running";
    const result = await this.#transition(vmId, (vm) =>
      this.#starts.run([vmId], (signalOf) => resume(this.#context, vm, options, signalOf(vmId))),
    );
    this.#armDeadline(vmId);
    this.#compactSoon(vmId);
    const mounts = wasRunning
      ? await this.volumes.mounts(vmId)
      : await this.volumes.settle(vmId, options.volumes);
    return { ...result, mounts };
  }

  async stopVm(vmId: VmId, options: StopOptions = {}): Promise<StopResult> {
    if (isAtRest(this.#require(vmId).record)) await this.#starts.cutShort(vmId, "it was stopped");
    const result = await this.#transition(vmId, (vm) => stop(this.#context, vm, options));
    this.#armDeadline(vmId);
    return result;
  }

  async startVm(vmId: VmId, options: StartOptions = {}): Promise<LaunchResult> {
    const wasRunning = this.#require(vmId).record.phase === "running";
    const result = await this.#transition(vmId, (vm) =>
      this.#starts.run([vmId], (signalOf) => startAtRest(this.#context, vm, options, signalOf(vmId))),
    );
    this.#armDeadline(vmId);
    this.#compactSoon(vmId);
    const mounts = wasRunning
      ? await this.volumes.mounts(vmId)
      : await this.volumes.settle(vmId, options.volumes);
    return { ...result, mounts };
  }

  async deleteVm(vmId: VmId): Promise<void> {
    for (const kept of [this.#context.intercepted, this.#context.volumes.buckets]) kept.forget(vmId);
    await this.#starts.cutShort(vmId, "it was deleted");
    const vm = this.#context.vms.get(vmId);
    await (vm === undefined ? deleteUnreadable(this.#context, vmId) : deleteVm(this.#context, vm));
    this.#armDeadline(vmId);
  }

  async createSnapshot(vmId: VmId, id: SnapshotId, options: SnapshotOptions = {}): Promise<CaptureResult> {
    const result = await this.#transition(vmId, (vm) => createSnapshot(this.#context, vm, id, options));
    this.#compactSoon(vmId);
    return result;
  }

  digestSnapshot(snapshotId: SnapshotId): Promise<Readonly<Record<string, string>>> {
    return this.#digests.of(snapshotFolder(this.#context.config, snapshotId));
  }

  async deleteSnapshot(snapshotId: SnapshotId): Promise<void> {
    await step("delete-snapshot.begun");
    await rm(snapshotFolder(this.#context.config, snapshotId), { recursive: true, force: true });
    await step("delete-snapshot.removed");
  }

  async fork(vmId: VmId, children: readonly ForkChild[]): Promise<ForkResult> {
    const vm = this.#require(vmId);
    const childIds = children.map((child) => child.vmId);
    const result = await this.#starts.run(childIds, (signalOf) =>
      fork(this.#context, vm, children, signalOf),
    );
    const outcomes = await Promise.all(result.children.map((child) => this.#withVolumes(child, children)));
    for (const id of childIds) this.#armDeadline(id);
    for (const id of [vmId, ...childIds]) this.#compactSoon(id);
    return { ...result, children: outcomes };
  }

  async #withVolumes(
    child: ForkResult["children"][number],
    children: readonly ForkChild[],
  ): Promise<ForkResult["children"][number]> {
    if (!child.ok) return child;
    const wanted = children.find(({ vmId }) => vmId === child.vmId)?.volumes ?? [];
    return { ...child, launch: { ...child.launch, mounts: await this.volumes.settle(child.vmId, wanted) } };
  }

  async setDeadline(vmId: VmId, deadline: VmDeadline | null): Promise<void> {
    await this.#transition(vmId, (vm) => setDeadline(vm, deadline));
    this.#armDeadline(vmId);
  }

  async setAuthorizedKeys(vmId: VmId, keys: readonly string[], options: CallOptions = {}): Promise<void> {
    const { signal } = options;
    await this.#transition(vmId, (vm) => setAuthorizedKeys(vm, keys, options), signal);
  }

  async setNetworkPolicy(vmId: VmId, policy: NetworkPolicy, { signal }: CallOptions = {}): Promise<void> {
    await this.#transition(vmId, (vm) => setNetworkPolicy(this.#context, vm, policy), signal);
  }

  async setInterception(...[vmId, order]: Parameters<WorkerPort["setInterception"]>): Promise<void> {
    await setInterception(this.#context, { vmId, order }, (work) => this.#transition(vmId, work));
  }

  async networkReport(vmId: VmId): Promise<NetworkReport | undefined> {
    const vmNetwork = networkOf(this.#context, this.#require(vmId));
    return vmNetwork && (await this.#context.network?.report(vmNetwork));
  }

  async dial(vmId: VmId, port: number, options: Parameters<WorkerPort["dial"]>[2] = {}): Promise<Duplex> {
    return await dial(this.#require(vmId), port, options);
  }

  async exec(vmId: VmId, spec: ExecSpec, options: CallOptions = {}): Promise<ExecSession> {
    return await exec(this.#require(vmId), spec, options);
  }

  async fileInfo(vmId: VmId, path: string, options: FileInfoOptions = {}): Promise<FileInfo> {
    return await fileInfo(this.#require(vmId), path, options);
  }

  async listFiles(vmId: VmId, path: string, options: ListFilesOptions): Promise<FileListing> {
    return await listFiles(this.#require(vmId), path, options);
  }

  async makeFolder(vmId: VmId, path: string, options: FileModeOptions = {}): Promise<void> {
    await makeFolder(this.#require(vmId), path, options);
  }

  async removeFile(vmId: VmId, path: string, options: RecursiveOptions = {}): Promise<void> {
    await removeFile(this.#require(vmId), path, options);
  }

  async renameFile(vmId: VmId, path: string, newPath: string, options: CallOptions = {}): Promise<void> {
    await renameFile(this.#require(vmId), path, newPath, options);
  }

  async setFileMode(vmId: VmId, path: string, mode: number, options: CallOptions = {}): Promise<void> {
    await setFileMode(this.#require(vmId), path, mode, options);
  }

  async readFile(vmId: VmId, path: string, options: CallOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    return await readFile(this.#require(vmId), path, options);
  }

  async writeFile(
    vmId: VmId,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: FileModeOptions = {},
  ): Promise<void> {
    await writeFile(this.#require(vmId), path, content, options);
  }

  async watchFiles(
    vmId: VmId,
    path: string,
    options: RecursiveOptions = {},
  ): Promise<AsyncIterable<FileEvent>> {
    return await watchFiles(this.#require(vmId), path, options);
  }

  async mapToLoopback(vmId: VmId, target: GuestTarget, options: CallOptions = {}): Promise<boolean> {
    const vm = this.#require(vmId);
    const work = () => mapToLoopback(vm, this.#context.forward, target, options);
    return await unlessAborted(work, options.signal);
  }

  async stats(vmId: VmId): Promise<VmUsage> {
    return await stats(this.#context, this.#require(vmId));
  }

  async usageHistory(vmId: VmId): Promise<UsageHistory> {
    return this.#histories.report(this.#require(vmId).vmId);
  }

  async diskUsage(of: DiskUsers): Promise<DiskUsage> {
    return await diskUsage(this.#context.config, of);
  }

  async consoleLog(vmId: VmId): Promise<VmLog> {
    return await consoleLog(this.#context, this.#require(vmId));
  }

  async metrics(): Promise<WorkerMetrics> {
    return await workerMetrics(this.#context, this.#histories);
  }

  subscribe(listener: (event: WorkerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets go of the VMs, which run on; ends the processes that nobody uses yet. */
  async close(): Promise<void> {
    this.#histories[Symbol.dispose]();
    this.#deadlines.close();
    this.#ending.abort(new FastvmError("launch_failed", "the daemon is ending"));
    await this.builds.close();
    await this.#context.images.close();
    await Promise.allSettled([...this.#context.builds.values()].map(({ image }) => image));
    await Promise.all([this.#context.templates.close(), this.#starts.settled()]);
    await Promise.all([this.#context.pool.close(), this.#context.standby.close()]);
    const hasRunningVms = [...this.#context.vms.values()].some((vm) => vm.record.phase === "running");
    for (const vm of this.#context.vms.values()) vm.letGo()?.qemu.qmp.close();
    this.#context.copier.helper.close();
    await this.#context.network?.close({ keep: hasRunningVms });
    await this.#context.volumes.close();
    await this.#context.cgroups.close();
    await this.#context.cache.close();
  }

  private guestLost(vm: Vm, shutdown: string | undefined): void {
    const { guest } = vm;
    if (guest === undefined) return;
    vm.transitions
      .run(() => settleLostGuest(this.#context, vm, guest, shutdown))
      .then((event) => event && this.emit(event))
      .catch(this.#onError);
  }

  private emit(event: WorkerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Its timer, as its record has it now. One that does not run, or is gone, has none. */
  #armDeadline(vmId: VmId): void {
    const record = this.#context.vms.get(vmId)?.record;
    this.#deadlines.set(vmId, record?.phase === "running" ? record.deadline : undefined);
  }

  #expire(vmId: VmId): void {
    expire(this.#context, vmId)
      .then((event) => event && this.emit(event))
      .catch((error: unknown) => {
        this.#onError(error);
        this.#deadlines.retry(vmId);
      });
  }

  #require(vmId: VmId): Vm {
    const vm = this.#context.vms.get(vmId);
    if (vm === undefined) throw new FastvmError("not_found", `VM ${vmId}`);
    return vm;
  }

  /**
   * Every capture adds a layer to the disk and a page file to the memory; what has become many is made few when the VM has nothing else
   * to do.
   */
  #compactSoon(vmId: VmId): void {
    const vm = this.#context.vms.get(vmId);
    if (vm === undefined) return;
    vm.transitions.run(() => compactMemory(this.#context, vm)).catch(this.#onError);
    if (needsCompaction(vm)) vm.transitions.run(() => compactDisk(vm)).catch(this.#onError);
  }

  /**
   * The VM is looked up when its turn comes: a resume before it has replaced the object. Aborted while it
   * waits for its turn, the task is never begun; aborted later it comes to its end, but nobody waits for it.
   */
  async #transition<T>(vmId: VmId, task: (vm: Vm) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { transitions } = this.#require(vmId);
    const turn = (): Promise<T> => {
      signal?.throwIfAborted();
      return task(this.#require(vmId));
    };
    return await unlessAborted(() => transitions.run(turn), signal);
  }
}
