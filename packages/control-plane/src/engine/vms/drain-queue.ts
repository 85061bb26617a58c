/** Starts VMs that wait for room, first come first. */
import type { WorkerCapacity } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { DrainOutcome } from "../placement/capacity-queue.ts";
import { SYSTEM_ACTOR } from "../caller.ts";
import type { StartVmContext } from "./start-order.ts";
import type { Parts } from "../context.ts";
import { startLaunch } from "./launch.ts";
import { isDatabaseFailure } from "../reconcile/owed.ts";
import { hasRoom } from "../placement/reservation.ts";
import { recordDurability } from "./record-durability.ts";
import { startResume } from "./resume.ts";
import { startStart } from "./start.ts";
import { isStart } from "./stop.ts";
import type { VmRecord } from "../../store/vm-repository.ts";

export async function drainQueue(ctx: StartVmContext & Parts<"shutdown">): Promise<DrainOutcome> {
  for (;;) {
    if (ctx.shutdown.hasBegun) return "full";
    // Most wake-ups find nobody waiting, and need neither the worker nor the lock for that.
    const [first] = await ctx.store.vms.listQueued(1);
    if (first === undefined) return "empty";
    const outcome = await ctx.inflight.hold(first.id, () => startFirst(ctx, first));
    if (outcome === "full") return outcome;
  }
}

async function startFirst(ctx: StartVmContext, first: VmRecord): Promise<"started" | "gone" | "full"> {
  const capacity = await ctx.worker.capacity();
  let taken: VmRecord | "gone" | "full";
  try {
    taken = await ctx.store.transaction((records) => take(records, first, capacity), recordDurability(first));
  } catch (error) {
    // Whether it was taken is not known. Who was told to wait still waits.
    if (isDatabaseFailure(error)) ctx.reconciler.owe(first.id, () => putBack(ctx, first));
    throw error;
  }
  if (taken === "gone" || taken === "full") return taken;
  const start = startOf(taken);
  start(ctx, taken, SYSTEM_ACTOR).catch((error: unknown) => {
    ctx.log.warn({ err: error, vmId: first.id }, "a VM that had waited for room could not be started");
  });
  return "started";
}

function startOf(vm: VmRecord): (ctx: StartVmContext, vm: VmRecord, actor: string) => Promise<VmRecord> {
  if (isStart(vm)) return startStart;
  return vm.status === "provisioning" ? startLaunch : startResume;
}

async function take(
  records: Records,
  { id, memoryMib }: VmRecord,
  capacity: WorkerCapacity,
): Promise<VmRecord | "gone" | "full"> {
  await records.organisations.lockRoom();
  const now = await records.vms.get(id);
  if (now === undefined || now.queuedAt === null) return "gone";
  if (!(await hasRoom(records, capacity, memoryMib))) return "full";
  return (await records.vms.update(id, { queuedAt: null, statusReason: null })) ?? "gone";
}

async function putBack(ctx: Parts<"queue" | "store">, first: VmRecord): Promise<void> {
  const { queuedAt, statusReason } = first;
  await ctx.store.transaction(async (records) => {
    const now = await records.vms.lock(first.id);
    if (now?.status === first.status && now.queuedAt === null) {
      await records.vms.update(first.id, { queuedAt, statusReason });
    }
  });
  ctx.queue.wake();
}
