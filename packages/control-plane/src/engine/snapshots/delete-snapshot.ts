/** Deletes a snapshot; VMs made from it keep what they need of it. One that is still to be made from it was promised, and needs it. */
import { FastvmError, step } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import type { Parts } from "../context.ts";
import { unlessDiskIsFull } from "../vms/delete.ts";
import { recordSnapshotEvent } from "./snapshot-events.ts";

export type DeleteSnapshotContext = Parts<
  "clock" | "inflight" | "lendRoom" | "reconciler" | "store" | "worker"
>;

/** When the worker fails, the row stays `deleting`: a repeated delete or the reconciler finishes it. */
export async function deleteSnapshot(
  ctx: DeleteSnapshotContext,
  snapshot: SnapshotRecord,
  actor: string,
): Promise<void> {
  await ctx.inflight.hold(snapshot.id, () => deleteHeld(ctx, snapshot, actor));
}

async function deleteHeld(
  ctx: Parts<"clock" | "lendRoom" | "reconciler" | "store" | "worker">,
  snapshot: SnapshotRecord,
  actor: string,
): Promise<void> {
  await unlessDiskIsFull(ctx.store.transaction((records) => markDeleting(ctx, records, snapshot, actor)));
  await step("control.delete-snapshot.recorded");
  await ctx.worker.deleteSnapshot(snapshot.id);
  await step("control.delete-snapshot.answered");
  await ctx.reconciler.settle(snapshot.id, () => ctx.lendRoom(() => forget(ctx, snapshot, actor)));
  await step("control.delete-snapshot.settled");
}

function forget(ctx: Parts<"clock" | "store">, snapshot: SnapshotRecord, actor: string): Promise<void> {
  return ctx.store.transaction(async (records) => {
    const gone = await records.snapshots.remove(snapshot.id);
    if (gone === undefined) return;
    const change = { actor, at: ctx.clock.now() };
    await recordSnapshotEvent(records, gone, gone.status, null, "deleted", change);
  });
}

async function markDeleting(
  ctx: Parts<"clock">,
  records: Records,
  snapshot: SnapshotRecord,
  actor: string,
): Promise<void> {
  // Under which launches look whether it is ready.
  await records.organisations.lock(snapshot.orgId);
  const now = await records.snapshots.get(snapshot.id);
  if (now === undefined || now.status === "deleting") return;
  if (now.status === "creating") {
    throw new FastvmError("snapshot_wrong_state", "it is still being created");
  }
  const vm = await records.vms.startingFrom(now.id);
  if (vm !== undefined) {
    const message = `${vm.name} (${vm.id}) is still to be made from it; wait until that runs, or delete it`;
    throw new FastvmError("snapshot_wrong_state", message);
  }
  await records.snapshots.changeStatus(now.id, now.status, "deleting", {});
  const change = { actor, at: ctx.clock.now() };
  await recordSnapshotEvent(records, now, now.status, "deleting", "delete_started", change);
}
