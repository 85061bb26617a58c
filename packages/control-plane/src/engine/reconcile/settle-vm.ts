/** From what a record says of a VM and what the worker has, to the state that both agree on. */
import type { VmId, WorkerInventory } from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import { SYSTEM_ACTOR } from "../caller.ts";
import type { StartVmContext } from "../vms/start-order.ts";
import type { Parts } from "../context.ts";
import { tellOwed, type OwedContext } from "../owed/tell-owed.ts";
import type { WorkerPart } from "../owed/worker-part.ts";
import { DEADLINE } from "../vms/deadline.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import { isOverdue, recordExpiredDelete, type ExpiryContext } from "../vms/expire.ts";
import { NETWORK } from "../network/change-network.ts";
import { recordVmEvent, transitionVm } from "../states/transition-vm.ts";
import { startAfterReboot, startStart } from "../vms/start.ts";
import { restartAfter } from "../vms/restart-after.ts";
import { isStart } from "../vms/stop.ts";
import { deadlineOf, freezeTtl, thawTtl } from "../vms/ttl.ts";
import { WORKER_PARTS } from "../vms/worker-parts.ts";
import type { VmTransition } from "../states/vm-states.ts";
import type { Scope, Settlement } from "./reconciler.ts";

/** A settlement may start what was cut, or delete it. */
export type SettleVmContext = StartVmContext & DeleteVmContext;

interface Look {
  readonly scope: Scope;
  /** Whether something of its record is still to be told. */
  readonly isOwed: boolean;
}

type FoundVm = WorkerInventory["vms"][number];

const LOST = "The host no longer has this VM";
const LAUNCH_INTERRUPTED = "Its start was interrupted";

export function settlementOfVm(
  ctx: SettleVmContext,
  vm: VmRecord,
  found: FoundVm | undefined,
  look: Look,
): Settlement | undefined {
  const settle = settleOf(ctx, vm, found, look);
  return settle && { key: vm.id, settle };
}

function settleOf(
  ctx: SettleVmContext,
  vm: VmRecord,
  found: FoundVm | undefined,
  look: Look,
): (() => Promise<void>) | undefined {
  const { scope } = look;
  if (vm.status === "deleting") return () => deleteVm(ctx, vm, SYSTEM_ACTOR);
  if (vm.queuedAt !== null) return undefined;
  if (isStart(vm) && found !== undefined && found.generation < vm.generation)
    return () => goOnStarting(ctx, vm, found);
  const isFound = found !== undefined && found.status !== "error";
  if (vm.status === "error") {
    // Right after a failure the worker may not know of it yet.
    const isLookAtAll = scope === "all" || scope === "start";
    return isFound && isLookAtAll ? () => settleFound(ctx, vm, found, look) : undefined;
  }
  if (!isFound) return () => settleLost(ctx, vm, found);
  return isSettled(vm, found, look) && scope !== "start"
    ? undefined
    : () => settleFound(ctx, vm, found, look);
}

function isSettled(vm: VmRecord, found: FoundVm, { isOwed }: Look): boolean {
  if (isOwed || vm.status !== found.status || isAddressNew(vm, found)) return false;
  if (vm.status !== "running") return true;
  const [recorded, inForce] = [deadlineOf(vm), found.deadline];
  const isDeadlineTold = recorded?.atMs === inForce?.atMs && recorded?.action === inForce?.action;
  return vm.statusReason === null && isDeadlineTold;
}

function isAddressNew(vm: VmRecord, found: FoundVm): boolean {
  return found.publicIpv6 !== undefined && found.publicIpv6 !== vm.publicIpv6;
}

async function settleFound(ctx: StartVmContext, vm: VmRecord, found: FoundVm, look: Look): Promise<void> {
  if (isAddressNew(vm, found)) await ctx.store.vms.update(vm.id, { publicIpv6: found.publicIpv6 ?? null });
  if (found.status === "paused") {
    await settlePaused(ctx, vm);
  } else if (found.status === "stopped") {
    await settleStopped(ctx, vm, found);
  } else {
    const isNews = vm.status !== "running";
    if (isNews) {
      await change(ctx, vm, "found_running", { pausedAt: null, ...thawTtl(vm, ctx.clock.now()) });
    } else if (vm.statusReason !== null) {
      // What kept it from being paused once, as an earlier version left it.
      await ctx.store.vms.update(vm.id, { statusReason: null });
    }
    // What was stored while the worker was away is in force before anybody is served.
    if (isNews || look.scope === "start") await insist(ctx, NETWORK, vm.id);
    await insist(ctx, DEADLINE, vm.id);
  }
  await tellOwed(ctx, WORKER_PARTS, vm.id);
}

/** Whether it is owed or not; when the worker refuses it is. */
async function insist(
  ctx: Parts<"log" | "sealing" | "store" | "updates" | "worker">,
  part: WorkerPart,
  vmId: VmId,
): Promise<void> {
  await ctx.updates.run(vmId, async () => {
    const vm = await ctx.store.vms.get(vmId);
    if (vm?.status !== "running") return;
    try {
      await part.tell(ctx, vm);
    } catch (error) {
      await ctx.store.owed.put(vmId, part.kind);
      const fields = { err: error, vmId, part: part.kind };
      ctx.log.error(fields, "a part of a VM's record could not be told to its worker");
    }
  });
}

async function settlePaused(ctx: Parts<"clock" | "log" | "store">, vm: VmRecord): Promise<void> {
  if (vm.status === "paused") return;
  const now = ctx.clock.now();
  const at = vm.pausedAt ?? now;
  const pauseCount = vm.pausedAt === null ? vm.pauseCount + 1 : vm.pauseCount;
  const isExpiry = vm.status === "running" && vm.ttlAction === "pause" && isOverdue(vm, now);
  const transition = isExpiry ? "expired" : "found_paused";
  await change(ctx, vm, transition, { pausedAt: at, pauseCount, ...freezeTtl(vm, at) });
}

/** One that stopped because its guest rebooted is to run again. */
async function settleStopped(
  ctx: OwedContext & StartVmContext,
  vm: VmRecord,
  { reason, restarts = false, cause }: FoundVm,
): Promise<void> {
  if (vm.status === "stopped") return;
  const mayRestart = vm.status === "running" || vm.status === "pausing";
  if (restarts && mayRestart) return startAfterReboot(ctx, vm, SYSTEM_ACTOR);
  const now = ctx.clock.now();
  const changes = { pausedAt: null, ...freezeTtl(vm, now), ...restartAfter(vm, cause, now) };
  await change(ctx, vm, "found_stopped", changes, reason);
  ctx.queue.wake();
}

/** A process that ended in the middle of a start had answered that it begins. Nobody waits for it. */
async function goOnStarting(ctx: StartVmContext, vm: VmRecord, found: FoundVm): Promise<void> {
  const stopFirst = found.status === "running" ? {} : undefined;
  startStart(ctx, vm, SYSTEM_ACTOR, { stopFirst }).catch((error: unknown) => {
    ctx.log.warn({ err: error, vmId: vm.id }, "a VM whose start was cut could not be started");
  });
}

async function settleLost(
  ctx: ExpiryContext & Parts<"log">,
  vm: VmRecord,
  found: FoundVm | undefined,
): Promise<void> {
  const isExpiry = found === undefined && vm.ttlAction === "delete" && isOverdue(vm, ctx.clock.now());
  if (isExpiry) return recordExpiredDelete(ctx, vm.id);
  // A child that does not run was told to nobody: its fork was cut before its answer.
  if (vm.status === "provisioning" && vm.sourceVmId !== null && !isStart(vm)) return forgetChild(ctx, vm);
  const reason = found?.reason ?? (vm.status === "provisioning" ? LAUNCH_INTERRUPTED : LOST);
  await change(ctx, vm, "vm_failed", afterLoss(vm, found, ctx.clock.now()), reason);
  ctx.queue.wake();
}

/** Without a disk there is nothing to start. */
function afterLoss(vm: VmRecord, found: FoundVm | undefined, at: number): VmChanges {
  return found?.hasDisk === true ? restartAfter(vm, found.cause, at) : {};
}

async function forgetChild(ctx: Parts<"clock" | "queue" | "store" | "worker">, vm: VmRecord): Promise<void> {
  // What is left of one that died right away, such as its log.
  await ctx.worker.deleteVm(vm.id);
  await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    if (now === undefined || !isSame(now, vm) || !(await records.vms.remove(vm.id))) return;
    const cause = {
      actor: SYSTEM_ACTOR,
      at: ctx.clock.now(),
      reason: LAUNCH_INTERRUPTED,
      errorCode: "launch_failed",
    } as const;
    await recordVmEvent(records, vm, vm.status, null, "fork_failed", cause);
  });
  ctx.queue.wake();
}

async function change(
  ctx: Parts<"clock" | "log" | "store">,
  vm: VmRecord,
  transition: VmTransition,
  changes: VmChanges,
  reason?: string,
): Promise<void> {
  const after = await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vm.id);
    // It has moved on since it was compared.
    if (now === undefined || !isSame(now, vm)) return undefined;
    return transitionVm(records, vm.id, transition, {
      actor: SYSTEM_ACTOR,
      at: ctx.clock.now(),
      ...(reason === undefined ? {} : { reason }),
      changes,
    });
  });
  if (after === undefined) return;
  const fields = { vmId: vm.id, from: vm.status, to: after.status, reason };
  ctx.log.warn(fields, "a record was brought in line with its VM");
}

function isSame(now: VmRecord, then: VmRecord): boolean {
  return (
    now.status === then.status &&
    now.generation === then.generation &&
    now.pauseCount === then.pauseCount &&
    now.queuedAt === then.queuedAt
  );
}
