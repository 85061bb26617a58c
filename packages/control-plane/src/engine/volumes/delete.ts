/** Deletes a volume that no VM has; snapshots that name it are restored without. */
import { FastvmError, type VolumeId } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";

/** When the worker fails, the row stays `deleting`: a repeated delete or the reconciler finishes it. */
export async function deleteVolume(
  ctx: Parts<"inflight" | "lendRoom" | "reconciler" | "store" | "worker">,
  caller: Caller,
  id: VolumeId,
): Promise<void> {
  await ctx.inflight.hold(id, async () => {
    await ctx.store.transaction((records) => markDeleting(records, caller, id));
    try {
      await ctx.worker.volumes.remove(id);
    } catch (error) {
      // Attached in the moment before it was marked: it stays, whole.
      if (error instanceof FastvmError && error.code === "volume_busy") {
        await ctx.reconciler.settle(id, () => ctx.store.volumes.changeStatus(id, "deleting", "ready", {}));
      }
      throw error;
    }
    await ctx.reconciler.settle(id, () => ctx.lendRoom(() => ctx.store.volumes.remove(id)));
  });
}

async function markDeleting(records: Records, { orgId }: Caller, id: VolumeId): Promise<void> {
  await records.organisations.lock(orgId);
  const volume = await records.volumes.get(id);
  if (volume === undefined || volume.status === "deleting") return;
  if (volume.status === "creating") throw new FastvmError("volume_not_ready", "it is still being made");
  const vms = await records.vms.list(orgId, undefined);
  const owner = vms.find(({ volumes }) => volumes.some(({ volumeId }) => volumeId === id));
  if (owner !== undefined)
    throw new FastvmError("volume_busy", `VM ${owner.name} has it`, { field: "volume" });
  await records.volumes.changeStatus(id, volume.status, "deleting", {});
}
