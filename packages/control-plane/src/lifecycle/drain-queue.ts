/** Starts VMs that wait for room, first come first. */
import type { DrainOutcome } from "./capacity-queue.ts";
import { SYSTEM_ACTOR } from "./caller.ts";
import type { LifecycleContext } from "./context.ts";
import { startLaunch } from "./launch.ts";
import { hasRoom } from "./reservation.ts";
import { startResume } from "./resume.ts";
import type { VmRecord } from "../store/vm-repository.ts";

export async function drainQueue(ctx: LifecycleContext): Promise<DrainOutcome> {
  for (;;) {
    const next = await takeNext(ctx);
    if (next === "empty" || next === "full") return next;
    const start = next.status === "provisioning" ? startLaunch : startResume;
    start(ctx, next, SYSTEM_ACTOR).catch((error: unknown) => {
      ctx.log.warn({ err: error, vmId: next.id }, "a VM that had waited for room could not be started");
    });
  }
}

async function takeNext(ctx: LifecycleContext): Promise<VmRecord | DrainOutcome> {
  // Most wake-ups find nobody waiting, and need neither the worker nor the lock for that.
  if ((await ctx.store.vms.countQueued()) === 0) return "empty";
  const capacity = await ctx.worker.capacity();
  return ctx.store.transaction(async (records) => {
    await records.organisations.lockReservations();
    const [first] = await records.vms.listQueued(1);
    if (first === undefined) return "empty";
    if (!(await hasRoom(records, capacity, first.memoryMib))) return "full";
    return (await records.vms.update(first.id, { queuedAt: null, statusReason: null })) ?? "empty";
  }, "process");
}
