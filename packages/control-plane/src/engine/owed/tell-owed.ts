/**
 * Tells workers what their VMs' records say and they are not known to have. What is owed is a row,
 * written in the transaction that changes the record, or before a worker is told what is not recorded
 * yet; it goes when both agree. So it is told by whoever is there: the request that changed it, the end
 * of a start, or the reconciler, also of a later process.
 */
import type { VmId } from "@fastvm/contract";
import type { OwedRow } from "../../store/schema.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import type { WorkerPart } from "./worker-part.ts";

/** What telling takes. */
export type OwedContext = Parts<"clock" | "config" | "sealing" | "store" | "updates" | "worker">;

/** A guest that is mute stays mute for long, and each attempt waits for it. */
const MAX_RETRY_MS = 60_000;

/** One at a time for a VM, each with the record as it is then. Rejects with the last refusal; what was refused is still owed. */
export async function tellOwed(ctx: OwedContext, parts: readonly WorkerPart[], vmId: VmId): Promise<void> {
  await ctx.updates.run(vmId, async () => {
    const rows = await ctx.store.owed.of(vmId);
    if (rows.length === 0) return;
    // Read after what is owed, so that it has what that is about.
    const vm = await ctx.store.vms.get(vmId);
    if (vm === undefined) return;
    const refusals: unknown[] = [];
    for (const row of rows) {
      const part = parts.find(({ kind }) => kind === row.kind);
      if (part !== undefined) await pay(ctx, part, row, vm).catch((error: unknown) => refusals.push(error));
    }
    if (refusals.length > 0) throw refusals.at(-1);
  });
}

async function pay(
  ctx: Parts<"clock" | "config" | "sealing" | "store" | "worker">,
  part: WorkerPart,
  row: OwedRow,
  vm: VmRecord,
): Promise<void> {
  if (vm.status === "running") {
    try {
      await part.tell(ctx, vm);
    } catch (error) {
      const waitMs = Math.min(ctx.config.insistEveryMs * 2 ** row.attempts, MAX_RETRY_MS);
      await ctx.store.owed.putOff(row, ctx.clock.now() + waitMs);
      throw error;
    }
  } else if (vm.status !== "paused" && vm.status !== "stopped") {
    // On its way: its end tells, or the reconciler after it.
    return;
  }
  // One that does not run is told by its next start, which reads the record.
  await ctx.store.owed.settle(row);
}
