/** Makes a volume: recorded first, so that whatever ends in the middle is undone. */
import { FastvmError, newVolumeId, type VolumeAccessMode, type VolumeKind } from "@fastvm/contract";
import type { VolumeRecord } from "../../store/volume-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { reserveVolumeQuota } from "../placement/reservation.ts";
import { assertNameFree } from "./names.ts";

/** What is to be made, in nobody's words. */
export interface VolumeOrder {
  /** Normalised. */
  readonly name: string;
  readonly kind: VolumeKind;
  readonly sizeGib: number;
  readonly accessMode: VolumeAccessMode;
}

/** Resolves when it is ready. */
export async function createVolume(
  ctx: Parts<"clock" | "inflight" | "reconciler" | "store" | "worker">,
  caller: Caller,
  order: VolumeOrder,
): Promise<VolumeRecord> {
  const id = newVolumeId();
  const { name, kind, sizeGib, accessMode } = order;
  return ctx.inflight.hold(id, async () => {
    await ctx.store.transaction(async (records) => {
      await reserveVolumeQuota(records, caller.orgId, { volumeCount: 1, volumeGiB: sizeGib });
      await assertNameFree(records, caller, name);
      const about = { id, orgId: caller.orgId, name, kind, sizeGib, accessMode, createdAt: ctx.clock.now() };
      await records.volumes.create({
        ...about,
        pendingSizeGib: null,
        status: "creating",
        statusReason: null,
      });
    }, "process");
    try {
      await ctx.worker.volumes.create({ volumeId: id, kind, sizeGib });
    } catch (error) {
      await ctx.reconciler.settle(id, () => ctx.store.volumes.remove(id));
      throw error;
    }
    const ready = await ctx.reconciler.settle(id, () =>
      ctx.store.volumes.changeStatus(id, "creating", "ready", {}),
    );
    if (ready === undefined) throw new FastvmError("not_found", "the volume was deleted meanwhile");
    return ready;
  });
}
