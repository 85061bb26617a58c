/** Start: the disk of a VM that is stopped boots, under the same record. Restart and reboot are a stop, by whomever, and this. */
import { FastvmError, type LaunchResult, type WorkerCapacity, step } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { errorCodeOf, reasonOf } from "../failure.ts";
import { mustQueue, reserveQuota } from "../placement/reservation.ts";
import { transitionVm } from "../states/transition-vm.ts";
import { requireVm, wrongState } from "../states/wrong-state.ts";
import { afterStart } from "../volumes/mount-list.ts";
import { catchUp } from "./catch-up.ts";
import { recordDurability } from "./record-durability.ts";
import { waiting, WAITING_FOR_ROOM } from "./launch.ts";
import { addressOf, startOrderOf, type StartVmContext } from "./start-order.ts";
import { isStart, type StopOrder } from "./stop.ts";
import { freezeTtl, thawTtl } from "./ttl.ts";

const BOOTS = "Its disk boots";
const RESTARTS = "It restarts: its guest powers off, then its disk boots";

export interface StartVmOrder {
  /** Without the check of a disk that its host lost. One that waits for room, or whose process ends, has it checked all the same. */
  readonly force?: boolean | undefined;
}

/** What the worker is to do: a restart stops it before. */
interface StartSteps extends StartVmOrder {
  readonly stopFirst?: StopOrder | undefined;
}

/** Resolves to the VM in `provisioning`, at once. Idempotent on one that runs or starts. */
export async function startVm(
  ctx: StartVmContext,
  vm: VmRecord,
  order: StartVmOrder,
  actor: string,
): Promise<VmRecord> {
  if (vm.status === "error") await assertDiskIsKept(ctx, vm);
  const capacity = await ctx.worker.capacity();
  const begun = await ctx.inflight.hold(vm.id, async () => {
    const starting = await ctx.store.transaction(
      (records) => reserve(ctx, records, vm, actor, capacity),
      recordDurability(vm),
    );
    if (starting !== undefined) await step("control.start.recorded");
    if (starting?.queuedAt === null) beginStart(ctx, starting, actor, order);
    return starting;
  });
  if (begun === undefined) return alreadyStarted(ctx, vm);
  if (begun.queuedAt !== null) ctx.queue.wake();
  return begun;
}

/** The same from `running`. */
export async function restartVm(
  ctx: StartVmContext,
  vm: VmRecord,
  order: StopOrder,
  actor: string,
): Promise<VmRecord> {
  const restarting = await ctx.inflight.hold(vm.id, async () => {
    const begun = await againFrom(ctx, vm, "restart_started", RESTARTS, actor);
    if (begun === undefined) return undefined;
    await step("control.start.recorded");
    beginStart(ctx, begun, actor, { stopFirst: order });
    return begun;
  });
  return restarting ?? startVm(ctx, await requireVm(ctx, vm.id), {}, actor);
}

/** Its guest rebooted: what is left to do is the worker's to be told. */
export async function startAfterReboot(ctx: StartVmContext, vm: VmRecord, actor: string): Promise<void> {
  const rebooted = await againFrom(ctx, vm, "rebooted", `The guest rebooted. ${BOOTS}`, actor);
  if (rebooted !== undefined) beginStart(ctx, rebooted, actor);
}

/** It holds what it takes already. */
function againFrom(
  ctx: Parts<"clock" | "store">,
  vm: VmRecord,
  transition: "restart_started" | "rebooted",
  reason: string,
  actor: string,
): Promise<VmRecord | undefined> {
  const at = ctx.clock.now();
  return ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    if (now === undefined || now.generation !== vm.generation) return undefined;
    const changes = { generation: now.generation + 1, ...freezeTtl(now, at) };
    return transitionVm(records, vm.id, transition, { actor, at, reason, changes });
  }, recordDurability(vm));
}

async function assertDiskIsKept(ctx: Parts<"worker">, vm: VmRecord): Promise<void> {
  const { vms } = await ctx.worker.inventory();
  const found = vms.find(({ vmId }) => vmId === vm.id);
  if (found?.status === "stopped" || found?.hasDisk === true) return;
  throw wrongState(vm, "nothing of its disk is left");
}

async function reserve(
  ctx: Parts<"clock" | "config">,
  records: Records,
  vm: VmRecord,
  actor: string,
  capacity: WorkerCapacity,
): Promise<VmRecord | undefined> {
  const now = await records.vms.get(vm.id);
  if (now?.status !== "stopped" && now?.status !== "error") return undefined;
  // The disk of a stopped VM counts all the time.
  const diskGiB = now.status === "stopped" ? 0 : vm.diskGib;
  await reserveQuota(records, vm.orgId, { vcpu: vm.cpu, memoryMiB: vm.memoryMib, diskGiB });
  const queued = await mustQueue(ctx, records, capacity, vm.memoryMib);
  const at = ctx.clock.now();
  return transitionVm(records, vm.id, "start_started", {
    actor,
    at,
    reason: queued ? WAITING_FOR_ROOM : BOOTS,
    changes: { generation: now.generation + 1, restartAt: null, ...(queued ? { queuedAt: at } : {}) },
  });
}

async function alreadyStarted(ctx: Parts<"store">, vm: VmRecord): Promise<VmRecord> {
  const now = await requireVm(ctx, vm.id);
  if (now.status === "running" || isStart(now)) return now;
  throw wrongState(now, "only a stopped VM can be started");
}

/** Nobody waits for it: why it failed is in the record. */
function beginStart(ctx: StartVmContext, vm: VmRecord, actor: string, order: StartSteps = {}): void {
  startStart(ctx, vm, actor, order).catch((error: unknown) => {
    ctx.log.warn({ err: error, vmId: vm.id }, "a VM could not be started");
  });
}

/** Boots the VM of a `provisioning` record that ran before, and follows it to its end in this process. */
export function startStart(
  ctx: StartVmContext,
  vm: VmRecord,
  actor: string,
  { stopFirst, force = false }: StartSteps = {},
): Promise<VmRecord> {
  return ctx.inflight.start(vm.id, "start", async () => {
    let result: LaunchResult;
    try {
      if (stopFirst !== undefined) await stopBefore(ctx, vm, stopFirst);
      result = await ctx.worker.startVm(vm.id, { ...(await startOrderOf(ctx, vm)), force });
    } catch (error) {
      const queued = await ctx.reconciler.settle(vm.id, () => settleFailure(ctx, vm, actor, error));
      if (queued !== undefined) return queued;
      throw error;
    }
    await step("control.start.answered");
    const at = ctx.clock.now();
    const running = await ctx.reconciler.settle(vm.id, () => settleSuccess(ctx, vm, actor, result, at));
    if (running === undefined) return standDown(ctx, vm);
    await step("control.start.settled");
    await catchUp(ctx, vm.id);
    return running;
  });
}

async function stopBefore(
  ctx: Parts<"store" | "worker">,
  vm: VmRecord,
  { graceMs }: StopOrder,
): Promise<void> {
  await ctx.worker.stopVm(vm.id, graceMs === undefined ? {} : { graceMs });
  await step("control.start.stopped");
  const now = await requireVm(ctx, vm.id);
  // Somebody wanted it stopped and no more.
  if (!isSameStart(now, vm)) throw wrongState(now, "it changed while it restarted");
}

function isSameStart(now: VmRecord, vm: VmRecord): boolean {
  return isStart(now) && now.generation === vm.generation;
}

/** Stopped while it started: the order to stop may have reached the worker before the VM did. */
async function standDown(ctx: Parts<"store" | "worker">, vm: VmRecord): Promise<VmRecord> {
  const now = await requireVm(ctx, vm.id);
  if (now.status === "stopped") await ctx.worker.stopVm(vm.id, { graceMs: 0 });
  throw wrongState(now, "it changed while it started");
}

function settleSuccess(
  ctx: Parts<"store">,
  vm: VmRecord,
  actor: string,
  result: LaunchResult,
  at: number,
): Promise<VmRecord | undefined> {
  return ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    const thawed = now === undefined ? {} : thawTtl(now, at);
    const volumes = afterStart((now ?? vm).volumes, result.mounts);
    const changes = { ...addressOf(result), volumes, ...thawed };
    return transitionVm(records, vm.id, "start_succeeded", { actor, at, changes });
  });
}

/** The VM if it waits for room now; else it is stopped, as it was. */
async function settleFailure(
  ctx: Parts<"clock" | "queue" | "store">,
  vm: VmRecord,
  actor: string,
  error: unknown,
): Promise<VmRecord | undefined> {
  const at = ctx.clock.now();
  const isFull = error instanceof FastvmError && error.code === "out_of_capacity";
  const queued = await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    if (now === undefined || !isSameStart(now, vm)) return undefined;
    if (isFull) return records.vms.update(vm.id, waiting(at));
    const reason = `Its start failed: ${reasonOf(error)}`;
    await transitionVm(records, vm.id, "start_failed", { actor, at, reason, errorCode: errorCodeOf(error) });
    return undefined;
  });
  if (isFull) ctx.queue.wakeLater();
  else ctx.queue.wake();
  return queued;
}
