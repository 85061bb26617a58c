/** What happens to VMs unasked becomes part of their record. */
import type { WorkerEvent } from "@fastvm/contract";
import { SYSTEM_ACTOR } from "../caller.ts";
import { recordBlocked } from "./secret-blocked.ts";
import { restartAfter } from "./restart-after.ts";
import { startAfterReboot } from "./start.ts";
import type { StartVmContext } from "./start-order.ts";
import { freezeTtl } from "./ttl.ts";
import type { Parts } from "../context.ts";
import { recordExpiry, type ExpiryContext } from "./expire.ts";
import { transitionVm } from "../states/transition-vm.ts";

/** Returns the function that ends the subscription. */
export function followWorker(ctx: StartVmContext & Parts<"staging">): () => void {
  return ctx.worker.subscribe((event) => {
    const { vmId } = event;
    const record = () => ctx.reconciler.settle(vmId, () => recordWorkerEvent(ctx, event));
    ctx.inflight.hold(vmId, record).catch((error: unknown) => {
      ctx.log.error({ err: error, event }, "what happened to a VM could not be recorded");
    });
  });
}

async function recordWorkerEvent(ctx: StartVmContext & ExpiryContext, event: WorkerEvent): Promise<void> {
  if (event.kind === "vm_expired") return recordExpiry(ctx, event);
  if (event.kind === "vm_stopped") return recordStop(ctx, event);
  if (event.kind === "secret_blocked") return recordBlocked(ctx, event);
  await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(event.vmId);
    if (now === undefined) return;
    const at = ctx.clock.now();
    await transitionVm(records, event.vmId, "vm_failed", {
      actor: SYSTEM_ACTOR,
      at,
      reason: event.reason,
      changes: { queuedAt: null, ...restartAfter(now, "host", at) },
    });
  });
  ctx.log.warn({ vmId: event.vmId, reason: event.reason }, "a VM failed");
  ctx.queue.wake();
}

async function recordStop(
  ctx: StartVmContext,
  { vmId, reason, restarts, cause }: Extract<WorkerEvent, { kind: "vm_stopped" }>,
): Promise<void> {
  const vm = await ctx.store.vms.get(vmId);
  if (vm === undefined) return;
  if (restarts) return startAfterReboot(ctx, vm, SYSTEM_ACTOR);
  const at = ctx.clock.now();
  await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(vmId);
    if (now === undefined) return;
    const changes = { ...freezeTtl(now, at), ...restartAfter(now, cause, at) };
    await transitionVm(records, vmId, "guest_stopped", { actor: SYSTEM_ACTOR, at, reason, changes });
  });
  ctx.log.info({ vmId, reason }, "a VM stopped");
  ctx.queue.wake();
}
