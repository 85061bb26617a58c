/**
 * From what a record says of a volume and whether the worker has it, to the state that both agree on. What no record knows is let be:
 * it may be all that somebody has.
 */
import type { VolumeRecord } from "../../store/volume-repository.ts";
import type { Parts } from "../context.ts";
import { recordGrown } from "../volumes/update.ts";
import type { Scope, Settlement } from "./reconciler.ts";

const LOST = "The host no longer has this volume";

export function settlementOfVolume(
  ctx: Parts<"store" | "worker">,
  volume: VolumeRecord,
  exists: boolean,
  scope: Scope,
): Settlement | undefined {
  const { status, id: key, pendingSizeGib } = volume;
  const { volumes } = ctx.store;
  // Nobody was told of a half-made one; somebody was promised that the other one goes.
  if (status === "creating" || status === "deleting") return { key, settle: () => undo(ctx, volume) };
  if (status === "ready" && !exists) {
    const settle = async () =>
      void (await volumes.changeStatus(key, "ready", "error", { statusReason: LOST }));
    return { key, settle };
  }
  if (status === "ready" && pendingSizeGib !== null) {
    return { key, settle: () => grow(ctx, volume, pendingSizeGib) };
  }
  // Such as when the disk that it lies on was not mounted.
  if (status !== "error" || !exists || (scope !== "all" && scope !== "start")) return undefined;
  return {
    key,
    settle: async () => void (await volumes.changeStatus(key, "error", "ready", { statusReason: null })),
  };
}

async function undo(ctx: Parts<"store" | "worker">, { id }: VolumeRecord): Promise<void> {
  await ctx.worker.volumes.remove(id);
  await ctx.store.volumes.remove(id);
}

async function grow(ctx: Parts<"store" | "worker">, { id }: VolumeRecord, sizeGib: number): Promise<void> {
  try {
    await ctx.worker.volumes.grow(id, sizeGib);
  } catch (error) {
    await ctx.store.volumes.update(id, { pendingSizeGib: null });
    throw error;
  }
  await recordGrown(ctx, id, sizeGib);
}
