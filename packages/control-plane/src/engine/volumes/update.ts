/** What may change of a volume: its name, who may write to it, and that it grows. */
import { FastvmError, type VolumeAccessMode, type VolumeId } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VolumeRecord } from "../../store/volume-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { reserveVolumeQuota } from "../placement/reservation.ts";
import { notReady } from "./mount-list.ts";
import { assertNameFree } from "./names.ts";

/** What is left out stays. */
export interface VolumeChange {
  /** Normalised, and not empty. */
  readonly name?: string;
  readonly accessMode?: VolumeAccessMode;
  readonly sizeGib?: number;
}

/** All of it or nothing, but that a volume which cannot grow has the rest. */
export async function changeVolume(
  ctx: Parts<"inflight" | "reconciler" | "store" | "worker">,
  caller: Caller,
  id: VolumeId,
  change: VolumeChange,
): Promise<VolumeRecord> {
  return ctx.inflight.hold(id, async () => {
    const changed = await ctx.store.transaction((records) => record(records, caller, id, change));
    const { pendingSizeGib } = changed;
    return pendingSizeGib === null ? changed : grow(ctx, id, pendingSizeGib);
  });
}

async function record(
  records: Records,
  caller: Caller,
  id: VolumeId,
  { name, accessMode, sizeGib }: VolumeChange,
): Promise<VolumeRecord> {
  await records.organisations.lock(caller.orgId);
  const volume = await records.volumes.get(id);
  if (volume === undefined) throw gone();
  if (volume.status !== "ready") throw notReady(volume);
  if (name !== undefined && name !== volume.name) await assertNameFree(records, caller, name);
  if (accessMode === "ro" && volume.accessMode === "rw") await assertNobodyWrites(records, volume);
  const grows = sizeGib !== undefined && (await mayGrow(records, caller, volume, sizeGib));
  const changed = await records.volumes.update(id, {
    name: name ?? volume.name,
    accessMode: accessMode ?? volume.accessMode,
    ...(grows ? { pendingSizeGib: sizeGib } : {}),
  });
  if (changed === undefined) throw gone();
  return changed;
}

async function mayGrow(
  records: Records,
  caller: Caller,
  volume: VolumeRecord,
  sizeGib: number,
): Promise<boolean> {
  if (volume.pendingSizeGib !== null) {
    throw new FastvmError("conflict", `it grows to ${volume.pendingSizeGib} GiB just now`, {
      field: "sizeGib",
    });
  }
  if (sizeGib < volume.sizeGib) {
    const detail = `sizeGib is ${sizeGib}, the volume has ${volume.sizeGib} GiB; a volume can only grow`;
    throw new FastvmError("invalid_request", detail, { field: "sizeGib" });
  }
  if (sizeGib === volume.sizeGib) return false;
  await reserveVolumeQuota(records, caller.orgId, { volumeCount: 0, volumeGiB: sizeGib - volume.sizeGib });
  return true;
}

async function assertNobodyWrites(records: Records, { id, orgId }: VolumeRecord): Promise<void> {
  const vms = await records.vms.list(orgId, undefined);
  const writer = vms.find(({ volumes }) => volumes.some((mount) => mount.volumeId === id && !mount.readOnly));
  if (writer === undefined) return;
  throw new FastvmError("volume_busy", `VM ${writer.name} may write to it`, { field: "accessMode" });
}

async function grow(
  ctx: Parts<"inflight" | "reconciler" | "store" | "worker">,
  id: VolumeId,
  sizeGib: number,
): Promise<VolumeRecord> {
  try {
    await ctx.worker.volumes.grow(id, sizeGib);
  } catch (error) {
    await ctx.reconciler.settle(id, () => ctx.store.volumes.update(id, { pendingSizeGib: null }));
    throw error;
  }
  return ctx.reconciler.settle(id, () => recordGrown(ctx, id, sizeGib));
}

export async function recordGrown(
  { store }: Parts<"store">,
  id: VolumeId,
  sizeGib: number,
): Promise<VolumeRecord> {
  const grown = await store.volumes.update(id, { sizeGib, pendingSizeGib: null });
  if (grown === undefined) throw gone();
  return grown;
}

function gone(): FastvmError {
  return new FastvmError("not_found", "the volume was deleted meanwhile");
}
