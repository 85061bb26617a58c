/**
 * Changes what both a worker and a record have, the worker first: a change that it refuses leaves both
 * as they were, and one that is told is in force. While they may differ, a row says so: after a process
 * that ended in between, the worker is told what the record says.
 */
import { FastvmError, step, type StepName, type VmId } from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import type { WorkerPart } from "./worker-part.ts";

interface ChangeToldFirst {
  readonly part: WorkerPart;
  /** Asked twice; throws when it must not be. */
  readonly change: (vm: VmRecord) => VmChanges;
  readonly isSame: (one: VmRecord, other: VmRecord) => boolean;
  /** Passed when the worker has it, and when the record has it, too. */
  readonly steps: readonly [StepName, StepName];
}

/** In a VM that does not run only the record changes. Call it in the VM's turn of `ctx.updates`. */
export async function changeToldFirst(
  ctx: Parts<"log" | "sealing" | "store" | "worker">,
  vmId: VmId,
  { part, change, isSame, steps }: ChangeToldFirst,
): Promise<{ readonly before: VmRecord; readonly after: VmRecord }> {
  const before = await ctx.store.vms.get(vmId);
  if (before === undefined) throw gone();
  const proposed = { ...before, ...change(before) };
  // What is owed is not in force, whatever the record says.
  const applies =
    before.status === "running" && (!isSame(before, proposed) || (await isOwed(ctx, vmId, part)));
  // Also when it is refused: a refusal that came late may be none.
  const owed = applies
    ? await ctx.store.transaction((records) => records.owed.put(vmId, part.kind), "process")
    : undefined;
  if (applies) await part.tell(ctx, proposed);
  try {
    await step(steps[0]);
    const after = await ctx.store.transaction(async (records) => {
      const vm = await records.vms.lock(vmId);
      if (vm === undefined) return undefined;
      const changes = change(vm);
      if (owed !== undefined) await records.owed.settle(owed);
      // Whoever starts it may have read the record before.
      else if (!isSame(vm, { ...vm, ...changes })) await records.owed.put(vmId, part.kind);
      return Object.keys(changes).length === 0 ? vm : records.vms.update(vmId, changes);
    });
    if (after === undefined) throw gone();
    await step(steps[1]);
    return { before, after };
  } catch (error) {
    if (owed !== undefined) await takeBack(ctx, part, before);
    throw error;
  }
}

async function isOwed(ctx: Parts<"store">, vmId: VmId, part: WorkerPart): Promise<boolean> {
  return (await ctx.store.owed.of(vmId)).some(({ kind }) => kind === part.kind);
}

/** It stays owed: whether the record has the change is not known when the database failed. */
async function takeBack(
  ctx: Parts<"log" | "sealing" | "store" | "worker">,
  part: WorkerPart,
  before: VmRecord,
): Promise<void> {
  try {
    await part.tell(ctx, before);
  } catch (error) {
    ctx.log.error(
      { err: error, vmId: before.id, part: part.kind },
      "a change at the worker could not be taken back",
    );
  }
}

function gone(): FastvmError {
  return new FastvmError("not_found", "the VM was deleted meanwhile");
}
