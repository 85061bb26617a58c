/** What happens to VMs unasked becomes part of their record. */
import type { WorkerEvent } from "@fastvm/contract";
import { SYSTEM_ACTOR } from "../caller.ts";
import type { PauseVmContext } from "./pause.ts";
import type { Parts } from "../context.ts";
import { recordExpiry, type ExpiryContext } from "./expire.ts";
import { transitionVm } from "../states/transition-vm.ts";

/** Returns the function that ends the subscription. */
export function followWorker(ctx: PauseVmContext & Parts<"log" | "staging">): () => void {
  return ctx.worker.subscribe((event) => {
    const { vmId } = event;
    const record = () => ctx.reconciler.settle(vmId, () => recordWorkerEvent(ctx, event));
    ctx.inflight.hold(vmId, record).catch((error: unknown) => {
      ctx.log.error({ err: error, event }, "what happened to a VM could not be recorded");
    });
  });
}

async function recordWorkerEvent(ctx: ExpiryContext & Parts<"log">, event: WorkerEvent): Promise<void> {
  if (event.kind === "vm_expired") return recordExpiry(ctx, event);
  await ctx.store.transaction((records) =>
    transitionVm(records, event.vmId, "vm_failed", {
      actor: SYSTEM_ACTOR,
      at: ctx.clock.now(),
      reason: event.reason,
      changes: { queuedAt: null },
    }),
  );
  ctx.log.warn({ vmId: event.vmId, reason: event.reason }, "a VM failed");
  ctx.queue.wake();
}
