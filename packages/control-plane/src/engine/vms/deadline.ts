/** Times to live as the worker has them: it is the worker that enforces them, so it is told of every change. */
import type { VmId } from "@fastvm/contract";
import type { LifecycleContext } from "../context.ts";
import { isNotRunning } from "../states/not-running.ts";
import { deadlineOf } from "./ttl.ts";

/**
 * Hands the record's deadline to the worker. One at a time for a VM, each with the record
 * as it is then, so that the last change wins whatever came between.
 */
export async function tellDeadline(ctx: LifecycleContext, vmId: VmId): Promise<void> {
  await ctx.updates.run(vmId, async () => {
    const vm = await ctx.store.vms.get(vmId);
    if (vm?.status !== "running") return;
    try {
      await ctx.worker.setDeadline(vmId, deadlineOf(vm) ?? null);
    } catch (error) {
      if (!isNotRunning(error)) throw error;
    }
  });
}
