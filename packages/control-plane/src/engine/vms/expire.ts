/**
 * The end of times to live. The worker that holds a VM pauses or deletes it and tells; here it becomes part of
 * the record. What the worker's message did not bring about, because it was lost, a look at overdue records does.
 */
import type { VmId, WorkerEvent } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { deleteVm, type DeleteVmContext } from "./delete.ts";
import { pauseVm } from "./pause.ts";
import { recordVmEvent, transitionVm } from "../states/transition-vm.ts";
import { freezeTtl } from "./ttl.ts";

/** What recording takes: the worker has acted already. */
export type ExpiryContext = Parts<"clock" | "queue" | "staging" | "store" | "worker">;

const TTL_ACTOR = "ttl";

/** At once; the others follow with the next look. */
const MAX_EXPIRED_AT_ONCE = 16;

export async function recordExpiry(
  ctx: ExpiryContext,
  { vmId, action }: Extract<WorkerEvent, { kind: "vm_expired" }>,
): Promise<void> {
  if (action === "delete") await recordExpiredDelete(ctx, vmId);
  else await recordExpiredPause(ctx, vmId);
  ctx.queue.wake();
}

/** The worker has it no more. */
export async function recordExpiredDelete(
  ctx: Parts<"clock" | "staging" | "store">,
  vmId: VmId,
): Promise<void> {
  await ctx.store.transaction(async (records) => {
    const vm = await records.vms.lock(vmId);
    if (vm === undefined || !(await records.vms.remove(vmId))) return;
    await recordVmEvent(records, vm, vm.status, null, "expired", { actor: TTL_ACTOR, at: ctx.clock.now() });
  });
  // Afterwards: as long as there is a record an upload may begin.
  await ctx.staging.deleteOf(vmId);
}

/** The worker is asked again: the message may be older than a pause and a resume that its owner asked for. */
async function recordExpiredPause(ctx: Parts<"clock" | "store" | "worker">, vmId: VmId): Promise<void> {
  const before = await ctx.store.vms.get(vmId);
  const { vms } = await ctx.worker.inventory();
  if (vms.find((vm) => vm.vmId === vmId)?.status !== "paused") return;
  const at = ctx.clock.now();
  await ctx.store.transaction(async (records) => {
    const vm = await records.vms.lock(vmId);
    if (vm === undefined || vm.pauseCount !== before?.pauseCount) return;
    const changes = { pausedAt: at, pauseCount: vm.pauseCount + 1, ...freezeTtl(vm, at) };
    await transitionVm(records, vmId, "expired", { actor: TTL_ACTOR, at, changes });
  });
}

/**
 * Whether its time was over while nobody could be told. A VM that was on its way into a pause counts: only a finished one stops the time.
 */
export function isOverdue({ expiresAt }: VmRecord, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

export async function expireOverdue(ctx: DeleteVmContext & Parts<"config" | "log">): Promise<void> {
  const overdueSince = ctx.clock.now() - ctx.config.expiryGraceMs;
  const overdue = await ctx.store.vms.listExpired(overdueSince, MAX_EXPIRED_AT_ONCE);
  await Promise.all(overdue.map((vm) => expire(ctx, vm)));
}

/** As its owner would: the worker takes both for done when it has done them already. */
async function expire(ctx: DeleteVmContext & Parts<"log">, vm: VmRecord): Promise<void> {
  const isStillMeant = (now: VmRecord): boolean =>
    now.ttlAction === "delete" && isOverdue(now, ctx.clock.now());
  try {
    if (vm.ttlAction === "delete") await deleteVm(ctx, vm, TTL_ACTOR, { isStillMeant });
    else await pauseVm(ctx, vm, TTL_ACTOR);
  } catch (error) {
    ctx.log.warn({ err: error, vmId: vm.id }, "a VM whose time is over could not be paused or deleted");
  }
}
