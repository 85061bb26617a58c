/** Launch: from a request to a running VM, or to one that waits for room, or to one in `error` with its reason. */
import {
  FastvmError,
  MIN_DISK_GIB,
  newVmId,
  parseMachineType,
  type LaunchResult,
  type MachineType,
  type RootSetup,
  type Ttl,
  type VmId,
  type VmSpec,
  type WorkerCapacity,
  step,
} from "@fastvm/contract";
import type { RecordedMount, VmSettings } from "../../store/vm-settings.ts";
import { sealOrders } from "../volumes/bucket-credentials.ts";
import type { Records } from "../../store/records.ts";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { requireVm } from "../states/wrong-state.ts";
import { catchUp } from "./catch-up.ts";
import { deleteVm, type DeleteVmContext } from "./delete.ts";
import type { Parts } from "../context.ts";
import { failureOf } from "../failure.ts";
import { mustQueue, reserveQuota } from "../placement/reservation.ts";
import { findSnapshot } from "../find.ts";
import { newTrafficToken, type TrafficToken } from "../previews/traffic-token.ts";
import type { GivenInterception } from "../interception/given.ts";
import { changeOfInterception } from "../interception/write-interception.ts";
import { inherit, settingsOfMachine, type SettingsChanges } from "./inherit.ts";
import { newVmRecord } from "./new-vm.ts";
import { recordDurability } from "./record-durability.ts";
import { addressOf, startOrderOf, type StartOrder, type StartVmContext } from "./start-order.ts";
import { thawTtl } from "./ttl.ts";
import {
  afterStart,
  inheritedMounts,
  orderedMounts,
  type MountOrder,
  type SkippedMount,
} from "../volumes/mount-list.ts";
import { recordVmEvent, transitionVm } from "../states/transition-vm.ts";
import { withinAnswerTime } from "./answer-time.ts";

const GIB = 1024 ** 3;
export const WAITING_FOR_ROOM = "Waiting for room on the host";

/** What is to be launched, in nobody's words. */
export interface LaunchOrder {
  readonly source: LaunchSource;
  /** Normalised; empty for the default. */
  readonly name: string;
  /** What the VM does not have as its source has it. */
  readonly settings: Omit<SettingsChanges, "machineName" | "cpu" | "memoryMib" | "template" | "interception">;
  /** Absent: as its source has it. */
  readonly interception?: GivenInterception | undefined;
  readonly ttl: Ttl | undefined;
  /** What it mounts; absent: what its snapshot had. */
  readonly volumes?: readonly MountOrder[] | undefined;
  /** The same of buckets. */
  readonly buckets?: readonly MountOrder[] | undefined;
  /** By which the VM is found again when the same order comes once more. */
  readonly repeatKey: string | null;
  /** The client's own: however often the order comes, one VM is made. */
  readonly key?: OrderKey | undefined;
  /** For a pool: it takes no room that others wait for, and waits for none. */
  readonly pool?: { readonly id: string; readonly generation: number } | undefined;
}

type LaunchSource =
  /** `image`: one that the worker keeps; absent: the base image. */
  | {
      readonly kind: "machine";
      readonly machine: MachineType;
      readonly image?: string | undefined;
      readonly setup?: RootSetup | undefined;
    }
  /** By id, unique name or unique id prefix. */
  | { readonly kind: "snapshot"; readonly reference: string };

export interface LaunchOptions {
  /** Until there is a record: nothing is left. Afterwards the launch goes on, whoever waits. */
  readonly signal?: AbortSignal;
  /** Told as soon as there is a record. */
  readonly onRecorded?: (vmId: VmId) => void;
  /** Which it is to have; default: a new one. */
  readonly vmId?: VmId;
  /** Written in the transaction that records it: both are there, or neither. */
  readonly alongside?: ((records: Records) => Promise<void>) | undefined;
  /** Told with it: what the snapshot had mounted and this VM has not. */
  readonly onSkipped?: (skipped: readonly SkippedMount[]) => void;
}

/** The order, its source found. */
interface Launch {
  readonly order: LaunchOrder;
  readonly snapshot: SnapshotRecord | undefined;
  readonly settings: VmSettings;
  /** For requests to its ports, where they need one. */
  readonly traffic?: TrafficToken | undefined;
}

/** Resolves to the VM in `running`, or in `provisioning` when it waits for room or takes long. */
export async function launchVm(
  ctx: StartVmContext & DeleteVmContext,
  caller: Caller,
  order: LaunchOrder,
  { signal, onRecorded, onSkipped, alongside, vmId = newVmId() }: LaunchOptions = {},
): Promise<VmRecord> {
  const found = await findSource(ctx, caller, await sealedBuckets(ctx, caller, order));
  const launch = { ...found, traffic: await newTrafficToken(ctx, caller.orgId, vmId, found.settings) };
  const capacity = await ctx.worker.capacity();
  assertFits(launch, capacity);
  signal?.throwIfAborted();
  const { vm, running } = await ctx.inflight.hold(vmId, async () => {
    let replaced: VmRecord | undefined;
    let skipped: readonly SkippedMount[] = [];
    const inserted = await ctx.store.transaction(async (records) => {
      const taken = await takeKey(ctx, records, caller, launch.order, vmId);
      if (taken?.kind === "earlier") return taken.vm;
      replaced = taken?.vm;
      const made = await insertVm(ctx, records, caller, launch, vmId, capacity);
      skipped = made.skipped;
      await alongside?.(records);
      return made.vm;
    }, recordDurability(launch.settings));
    if (inserted.id !== vmId) return { vm: inserted, running: earlierLaunch(ctx, inserted.id) };
    if (replaced !== undefined) await forgetReplaced(ctx, replaced, actorOf(caller));
    await step("control.launch.recorded");
    onRecorded?.(vmId);
    onSkipped?.(skipped);
    const isQueued = inserted.queuedAt !== null;
    return { vm: inserted, running: isQueued ? undefined : startLaunch(ctx, inserted, actorOf(caller)) };
  });
  if (running !== undefined) return withinAnswerTime(ctx, vm, running);
  ctx.queue.wake();
  return vm;
}

async function sealedBuckets(
  ctx: Parts<"sealing">,
  { orgId }: Caller,
  order: LaunchOrder,
): Promise<LaunchOrder> {
  return order.buckets === undefined
    ? order
    : { ...order, buckets: await sealOrders(ctx, orgId, order.buckets) };
}

/** The VM that the same order made before, when it has come to run or to wait for room. */
async function earlierLaunch(ctx: Parts<"inflight" | "store">, vmId: VmId): Promise<VmRecord> {
  await ctx.inflight.join(vmId, "launch");
  const now = await requireVm(ctx, vmId);
  if (isFailedStart(now)) throw new FastvmError("launch_failed", now.statusReason ?? undefined);
  return now;
}

function isFailedStart({ status, startedAt }: VmRecord): boolean {
  return status === "error" && startedAt === null;
}

async function findSource(
  ctx: Parts<"sealing" | "store">,
  caller: Caller,
  order: LaunchOrder,
): Promise<Launch> {
  const { source, settings } = order;
  if (source.kind === "machine") {
    const made = { ...settingsOfMachine(source.machine), template: source.image ?? "" };
    const own = inherit(made, { ...settings, interception: await interceptionOf(ctx, caller, order, made) });
    return { order, snapshot: undefined, settings: own };
  }
  const snapshot = await findSnapshot(ctx, caller, source.reference);
  if (snapshot.status !== "ready") {
    const reason = snapshot.statusReason === null ? "" : ` (${snapshot.statusReason})`;
    throw new FastvmError("snapshot_wrong_state", `it is ${snapshot.status}${reason}`, { field: "snapshot" });
  }
  if (settings.diskGib !== undefined && settings.diskGib < snapshot.diskGib) {
    throw new FastvmError(
      "invalid_request",
      `diskGib is ${settings.diskGib}, the snapshot's disk has ${snapshot.diskGib} GiB; a disk can only grow`,
      { field: "diskGib" },
    );
  }
  const interception = await interceptionOf(ctx, caller, order, snapshot);
  return { order, snapshot, settings: { ...inherit(snapshot, settings), interception } };
}

async function interceptionOf(
  ctx: Parts<"sealing">,
  { orgId }: Caller,
  { interception }: LaunchOrder,
  source: VmSettings,
): Promise<VmSettings["interception"]> {
  if (interception === undefined) return source.interception;
  return (await changeOfInterception(ctx, orgId, interception))(source.interception);
}

function assertFits(launch: Launch, capacity: WorkerCapacity): void {
  assertDiskFits(launch, capacity);
  const { machineName, cpu, memoryMib } = launch.settings;
  const largest = capacity.largestMachine;
  if (cpu <= largest.cpu && memoryMib <= Math.min(largest.memoryMib, capacity.memoryMib)) return;
  throw new FastvmError(
    "invalid_request",
    `${machineName} has ${cpu} vCPUs and ${memoryMib} MiB of memory; this host gives up to ${largest.cpu} and ${largest.memoryMib}`,
    { field: launch.order.source.kind },
  );
}

/**
 * Disks take what their guests write, so more may be promised than there is; but not one that alone
 * could never be filled. The smallest there is goes everywhere, and a snapshot's own is there already.
 */
function assertDiskFits({ settings: { diskGib }, snapshot }: Launch, capacity: WorkerCapacity): void {
  const hostGib = Math.floor(capacity.diskTotalBytes / GIB);
  const largestGib = Math.max(hostGib, snapshot?.diskGib ?? MIN_DISK_GIB);
  if (diskGib <= largestGib) return;
  throw new FastvmError(
    "invalid_request",
    `diskGib is ${diskGib}; this host's disk has ${hostGib} GiB in all, and gives a VM up to ${largestGib}`,
    { field: "diskGib" },
  );
}

/** What the same order made before: to be answered with, or one that never came to run, which the new one replaces. */
async function takeKey(
  ctx: Parts<"clock">,
  records: Records,
  caller: Caller,
  { key }: LaunchOrder,
  vmId: VmId,
): Promise<{ readonly kind: "earlier" | "replaced"; readonly vm: VmRecord } | undefined> {
  if (key === undefined) return undefined;
  let vm: VmRecord | undefined;
  const isMade = async (id: string) => {
    vm = await records.vms.get(id as VmId);
    return vm !== undefined && !isFailedStart(vm);
  };
  const taken = await takeOrderKey(records, caller, key, vmId, ctx.clock.now(), isMade);
  if (taken.kind === "ours") return vm && { kind: "replaced", vm };
  const earlier = await records.vms.get(taken.subjectId as VmId);
  if (earlier !== undefined) return { kind: "earlier", vm: earlier };
  throw new FastvmError("conflict", "what this order made was deleted meanwhile");
}

/** Its failure was told, or its start was cut. */
async function forgetReplaced(
  ctx: DeleteVmContext & Parts<"log">,
  vm: VmRecord,
  actor: string,
): Promise<void> {
  try {
    await deleteVm(ctx, vm, actor);
  } catch (error) {
    ctx.log.warn({ err: error, vmId: vm.id }, "a VM that another takes the place of could not be deleted");
  }
}

async function insertVm(
  ctx: Parts<"clock" | "config">,
  records: Records,
  caller: Caller,
  { order, snapshot, settings, traffic }: Launch,
  vmId: VmId,
  capacity: WorkerCapacity,
): Promise<{ readonly vm: VmRecord; readonly skipped: readonly SkippedMount[] }> {
  const { cpu, memoryMib, diskGib } = settings;
  await reserveQuota(records, caller.orgId, { vcpu: cpu, memoryMiB: memoryMib, diskGiB: diskGib });
  if (snapshot !== undefined) await assertStillReady(records, snapshot);
  const queued = await mustQueue(ctx, records, capacity, memoryMib);
  if (queued && order.pool !== undefined) throw new FastvmError("out_of_capacity");
  const at = ctx.clock.now();
  const { name, ttl, repeatKey } = order;
  const source = sourceOf(order, snapshot);
  const { mounts, skipped } = await mountsOf(records, caller, order, settings.volumes);
  const own = { ...settings, volumes: mounts };
  const vm = {
    ...newVmRecord({
      ...{ id: vmId, orgId: caller.orgId, name, settings: own, ttl, source, repeatKey, at },
      trafficTokenDigest: traffic?.digest,
      pool: order.pool,
      rootSetup: order.source.kind === "machine" ? order.source.setup : undefined,
    }),
    ...(queued ? waiting(at) : {}),
  };
  await records.vms.create(vm);
  await traffic?.sealed.write(records);
  await recordVmEvent(records, vm, null, "provisioning", "launch_requested", { actor: actorOf(caller), at });
  return { vm, skipped };
}

/** Volumes that are given take the place of the snapshot's, and so do buckets. */
async function mountsOf(
  records: Records,
  { orgId }: Caller,
  { volumes, buckets }: LaunchOrder,
  captured: VmSettings["volumes"],
) {
  const isKept = ({ source }: RecordedMount) =>
    source?.kind === "bucket" ? buckets === undefined : volumes === undefined;
  const inherited = await inheritedMounts(records, orgId, captured.filter(isKept));
  const given = [...(volumes ?? []), ...(buckets ?? [])];
  const ordered = await orderedMounts(records, orgId, given, inherited.mounts);
  return { mounts: [...inherited.mounts, ...ordered], skipped: inherited.skipped };
}

function sourceOf(
  { source }: LaunchOrder,
  snapshot: SnapshotRecord | undefined,
): Partial<Pick<VmRecord, "sourceName" | "sourceSnapshotId">> {
  if (snapshot !== undefined) return { sourceName: snapshot.name, sourceSnapshotId: snapshot.id };
  return source.kind === "machine" && source.image !== undefined ? { sourceName: source.image } : {};
}

/** It may have been deleted since the request was checked. */
async function assertStillReady(records: Records, snapshot: SnapshotRecord): Promise<void> {
  const now = await records.snapshots.get(snapshot.id);
  if (now?.status !== "ready")
    throw new FastvmError("snapshot_wrong_state", undefined, { field: "snapshot" });
}

export function waiting(at: number): Pick<VmRecord, "queuedAt" | "statusReason"> {
  return { queuedAt: at, statusReason: WAITING_FOR_ROOM };
}

/** Starts the VM of a `provisioning` record and follows it to its end in this process, whoever waits or not. */
export function startLaunch(ctx: StartVmContext, vm: VmRecord, actor: string): Promise<VmRecord> {
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
    await catchUp(ctx, vm.id);
    return running;
  });
}

function specOf(vm: VmRecord, told: StartOrder): VmSpec {
  return {
    vmId: vm.id,
    source:
      vm.sourceSnapshotId === null
        ? // With neither a snapshot nor a VM that it came from, the name is that of an image.
          {
            kind: "template",
            ...(vm.sourceName === null ? {} : { image: vm.sourceName, imageOwner: vm.orgId }),
            ...(vm.rootSetup === null ? {} : { setup: JSON.parse(vm.rootSetup) as RootSetup }),
          }
        : { kind: "snapshot", snapshotId: vm.sourceSnapshotId },
    machine: machineOf(vm),
    diskGib: vm.diskGib,
    ...told,
  };
}

function machineOf(record: { machineName: string; cpu: number; memoryMib: number }): MachineType {
  return (
    parseMachineType(record.machineName) ?? {
      name: record.machineName,
      cpu: record.cpu,
      memoryMib: record.memoryMib,
    }
  );
}

async function settleSuccess(
  ctx: Parts<"store" | "worker">,
  vm: VmRecord,
  actor: string,
  result: LaunchResult,
  at: number,
): Promise<VmRecord> {
  const running = await ctx.store.transaction(async (records) => {
    // Its time to live may have changed while it started.
    const now = await records.vms.lock(vm.id);
    const volumes = afterStart((now ?? vm).volumes, result.mounts);
    const changes = {
      ...addressOf(result),
      volumes,
      rootSetup: null,
      ...(now === undefined ? {} : thawTtl(now, at)),
    };
    return transitionVm(records, vm.id, "launch_succeeded", { actor, at, changes });
  }, recordDurability(vm));
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
  ctx: Parts<"clock" | "queue" | "store">,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<VmRecord | undefined> {
  if (error instanceof FastvmError && error.code === "out_of_capacity" && vm.poolId === null) {
    const queued = await requeue(ctx, vm);
    if (queued !== undefined) return queued;
  }
  await ctx.store.transaction((records) =>
    transitionVm(records, vm.id, "launch_failed", {
      actor,
      at: ctx.clock.now(),
      ...failureOf(error),
      changes: { rootSetup: null },
    }),
  );
  ctx.queue.wake();
  return undefined;
}

/** The worker knows best whether there is room. The VM keeps its place: it queues since it was made. */
async function requeue(ctx: Parts<"queue" | "store">, vm: VmRecord): Promise<VmRecord | undefined> {
  const queued = await ctx.store.transaction(async (records) => {
    const now = await records.vms.get(vm.id);
    if (now?.status !== "provisioning") return undefined;
    return records.vms.update(vm.id, waiting(vm.createdAt));
  });
  ctx.queue.wakeLater();
  return queued;
}
