/** Launch: from a request to a running VM, or to one that waits for room, or to one in `error` with its reason. */
import {
  defaultVmName,
  FastvmError,
  MIN_DISK_GIB,
  newVmId,
  parseMachineType,
  type LaunchResult,
  type MachineType,
  type Ttl,
  type VmId,
  type VmSpec,
  type WorkerCapacity,
  step,
} from "@fastvm/contract";
import type { WrittenNetwork } from "../network/policy.ts";
import type { Records } from "../../store/records.ts";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import { catchUp } from "./catch-up.ts";
import type { LifecycleContext } from "../context.ts";
import { reasonOf } from "../failure.ts";
import { mustQueue, reserveQuota } from "../placement/reservation.ts";
import { addressOf, startOrderOf, type StartOrder } from "./start-order.ts";
import { initialTtl, thawTtl } from "./ttl.ts";
import { recordVmEvent, transitionVm } from "./transition-vm.ts";
import { withinAnswerTime } from "./answer-time.ts";

const GIB = 1024 ** 3;
export const WAITING_FOR_ROOM = "Waiting for room on the host";

export interface LaunchRequest {
  readonly machine: MachineType;
  readonly diskGib: number;
  readonly snapshot: SnapshotRecord | undefined;
  /** Normalised; empty for the default. */
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly envVars: Readonly<Record<string, string>>;
  readonly ttl: Ttl | undefined;
  readonly network: WrittenNetwork | undefined;
  readonly autoResume: boolean;
  readonly requestFingerprint: string;
}

/** Resolves to the VM in `running`, or in `provisioning` when it waits for room or takes long; `recorded` is told as soon as there is a record. */
export async function launchVm(
  ctx: LifecycleContext,
  caller: Caller,
  request: LaunchRequest,
  recorded: (vmId: VmId) => void = () => undefined,
): Promise<VmRecord> {
  const capacity = await ctx.worker.capacity();
  assertFits(request, capacity);
  const vmId = newVmId();
  const { vm, running } = await ctx.inflight.hold(vmId, async () => {
    const inserted = await ctx.store.transaction(
      (records) => insertVm(ctx, records, caller, request, vmId, capacity),
      "process",
    );
    await step("control.launch.recorded");
    recorded(vmId);
    const isQueued = inserted.queuedAt !== null;
    return { vm: inserted, running: isQueued ? undefined : startLaunch(ctx, inserted, actorOf(caller)) };
  });
  if (running !== undefined) return withinAnswerTime(ctx, vm, running);
  ctx.queue.wake();
  return vm;
}

function assertFits(request: LaunchRequest, capacity: WorkerCapacity): void {
  assertDiskFits(request, capacity);
  const { machine, snapshot } = request;
  const { cpu, memoryMib } = capacity.largestMachine;
  if (machine.cpu <= cpu && machine.memoryMib <= Math.min(memoryMib, capacity.memoryMib)) return;
  throw new FastvmError(
    "invalid_request",
    `${machine.name} has ${machine.cpu} vCPUs and ${machine.memoryMib} MiB of memory; this host gives up to ${cpu} and ${memoryMib}`,
    { field: snapshot === undefined ? "machineType" : "snapshotId" },
  );
}

/**
 * Disks take what their guests write, so more may be promised than there is; but not one that alone could never be filled. The smallest there is goes everywhere, and a
 * snapshot's own is there already.
 */
function assertDiskFits({ diskGib, snapshot }: LaunchRequest, { diskTotalBytes }: WorkerCapacity): void {
  const hostGib = Math.floor(diskTotalBytes / GIB);
  const largestGib = Math.max(hostGib, snapshot?.diskGib ?? MIN_DISK_GIB);
  if (diskGib <= largestGib) return;
  throw new FastvmError(
    "invalid_request",
    `diskGiB is ${diskGib}; this host's disk has ${hostGib} GiB in all, and gives a VM up to ${largestGib}`,
    { field: "diskGiB" },
  );
}

async function insertVm(
  ctx: LifecycleContext,
  records: Records,
  caller: Caller,
  request: LaunchRequest,
  vmId: VmId,
  capacity: WorkerCapacity,
): Promise<VmRecord> {
  const { machine, diskGib } = request;
  await reserveQuota(records, caller.orgId, {
    vcpu: machine.cpu,
    memoryMiB: machine.memoryMib,
    diskGiB: diskGib,
  });
  if (request.snapshot !== undefined) await assertStillReady(records, request.snapshot);
  const queued = await mustQueue(ctx, records, capacity, machine.memoryMib);
  const at = ctx.clock.now();
  const vm = { ...newVmRecord(caller, request, vmId, at), ...(queued ? waiting(at) : {}) };
  await records.vms.create(vm);
  await recordVmEvent(records, vm, null, "provisioning", "launch_requested", { actor: actorOf(caller), at });
  return vm;
}

/** It may have been deleted since the request was checked. */
async function assertStillReady(records: Records, snapshot: SnapshotRecord): Promise<void> {
  const now = await records.snapshots.get(snapshot.id);
  if (now?.status !== "ready")
    throw new FastvmError("snapshot_wrong_state", undefined, { field: "snapshotId" });
}

export function waiting(at: number): Pick<VmRecord, "queuedAt" | "statusReason"> {
  return { queuedAt: at, statusReason: WAITING_FOR_ROOM };
}

function newVmRecord(caller: Caller, request: LaunchRequest, id: VmId, at: number): VmRecord {
  return {
    id,
    orgId: caller.orgId,
    name: request.name === "" ? defaultVmName(id) : request.name,
    machineName: request.machine.name,
    cpu: request.machine.cpu,
    memoryMib: request.machine.memoryMib,
    diskGib: request.diskGib,
    status: "provisioning",
    statusReason: null,
    sourceName: request.snapshot?.name ?? null,
    sourceSnapshotId: request.snapshot?.id ?? null,
    sourceVmId: null,
    metadata: request.metadata,
    envVars: request.envVars,
    network: request.network,
    services: request.snapshot?.services ?? [],
    sshKeys: request.snapshot?.sshKeys ?? [],
    autoResume: request.autoResume ? 1 : 0,
    publicIpv6: null,
    generation: 1,
    createdAt: at,
    pausedAt: null,
    pauseCount: 0,
    queuedAt: null,
    ...initialTtl(request.ttl),
    requestFingerprint: request.requestFingerprint,
  };
}

/** Starts the VM of a `provisioning` record and follows it to its end in this process, whoever waits or not. */
export function startLaunch(ctx: LifecycleContext, vm: VmRecord, actor: string): Promise<VmRecord> {
  return ctx.inflight.start(vm.id, "launch", async () => {
    let told: StartOrder;
    let result: LaunchResult;
    try {
      told = await startOrderOf(ctx, vm);
      result = await ctx.worker.launch(specOf(vm, told));
    } catch (error) {
      const queued = await ctx.reconciler.settle(vm.id, () => settleFailure(ctx, vm, actor, error));
      if (queued !== undefined) return queued;
      throw error;
    }
    await step("control.launch.answered");
    const at = ctx.clock.now();
    const running = await ctx.reconciler.settle(vm.id, () => settleSuccess(ctx, vm, actor, result, at));
    await step("control.launch.settled");
    await catchUp(ctx, vm, told, running);
    return running;
  });
}

function specOf(vm: VmRecord, told: StartOrder): VmSpec {
  return {
    vmId: vm.id,
    source:
      vm.sourceSnapshotId === null
        ? { kind: "template" }
        : { kind: "snapshot", snapshotId: vm.sourceSnapshotId },
    machine: machineOf(vm),
    diskGib: vm.diskGib,
    ...told,
  };
}

export function machineOf(record: { machineName: string; cpu: number; memoryMib: number }): MachineType {
  return (
    parseMachineType(record.machineName) ?? {
      name: record.machineName,
      cpu: record.cpu,
      memoryMib: record.memoryMib,
    }
  );
}

async function settleSuccess(
  ctx: LifecycleContext,
  vm: VmRecord,
  actor: string,
  result: LaunchResult,
  at: number,
): Promise<VmRecord> {
  const running = await ctx.store.transaction(async (records) => {
    // Its time to live may have changed while it started.
    const now = await records.vms.lock(vm.id);
    const changes = { ...addressOf(result), ...(now === undefined ? {} : thawTtl(now, at)) };
    return transitionVm(records, vm.id, "launch_succeeded", { actor, at, changes });
  }, "process");
  if (running !== undefined) return running;
  const now = await ctx.store.vms.get(vm.id);
  if (now !== undefined && now.status !== "deleting") {
    throw new FastvmError("launch_failed", now.statusReason ?? `it is ${now.status}`);
  }
  // Deleted while it started: the delete may have reached the worker before the VM did.
  await ctx.worker.deleteVm(vm.id);
  throw new FastvmError("launch_failed", "it was deleted while it started");
}

/** The VM if it waits for room now; else it has failed. */
async function settleFailure(
  ctx: LifecycleContext,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<VmRecord | undefined> {
  if (error instanceof FastvmError && error.code === "out_of_capacity") {
    const queued = await requeue(ctx, vm);
    if (queued !== undefined) return queued;
  }
  await ctx.store.transaction((records) =>
    transitionVm(records, vm.id, "launch_failed", { actor, at: ctx.clock.now(), reason: reasonOf(error) }),
  );
  ctx.queue.wake();
  return undefined;
}

/** The worker knows best whether there is room. The VM keeps its place: it queues since it was made. */
async function requeue(ctx: LifecycleContext, vm: VmRecord): Promise<VmRecord | undefined> {
  const queued = await ctx.store.transaction(async (records) => {
    const now = await records.vms.get(vm.id);
    if (now?.status !== "provisioning") return undefined;
    return records.vms.update(vm.id, waiting(vm.createdAt));
  });
  ctx.queue.wakeLater();
  return queued;
}
