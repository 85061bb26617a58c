/**
 * Volumes of the children of a fork that are copies of their source's. They are being made in their records until the children are
 * recorded with them: whatever ends before leaves none.
 */
import { FastvmError, newVolumeId, type VmId, type VolumeId } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { RecordedMount } from "../../store/vm-settings.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { reserveVolumeQuota } from "../placement/reservation.ts";
import { notReady } from "./mount-list.ts";

type CopiesContext = Parts<"clock" | "inflight" | "lendRoom" | "log" | "reconciler" | "store" | "worker">;

/** So much of a volume's name that a copy's is not cut in its own part. */
const MAX_ORIGIN_NAME = 48;
const CHILD_DIGITS = 8;

export interface VolumeCopy {
  readonly id: VolumeId;
  readonly of: VolumeId;
  readonly child: VmId;
}

/** Of each child that is not kept the copies go. */
export async function withCopies<T>(
  ctx: CopiesContext,
  caller: Caller,
  source: VmRecord,
  children: readonly VmId[],
  work: (copies: readonly VolumeCopy[]) => Promise<{ readonly result: T; readonly kept: ReadonlySet<VmId> }>,
): Promise<T> {
  const copies = children.flatMap((child) =>
    source.volumes.filter(isCopied).map(({ volumeId }) => ({ id: newVolumeId(), of: volumeId, child })),
  );
  return await ctx.inflight.holdAll(
    copies.map(({ id }) => id),
    async () => {
      let kept: ReadonlySet<VmId> = new Set();
      try {
        await ctx.store.transaction((records) => record(ctx, records, caller, copies));
        for (const { id, of } of copies) {
          const volume = await ctx.store.volumes.get(of);
          if (volume === undefined) throw new FastvmError("not_found", "a volume was deleted meanwhile");
          await ctx.worker.volumes.create({
            volumeId: id,
            kind: "directory",
            sizeGib: volume.sizeGib,
            copyOf: of,
          });
        }
        const done = await work(copies);
        ({ kept } = done);
        return done.result;
      } finally {
        for (const { id, child } of copies) if (!kept.has(child)) await undo(ctx, id);
      }
    },
  );
}

/** A disk is one VM's, and what is no volume is no record's. */
function isCopied({ source, isDisk }: RecordedMount): boolean {
  return source === undefined && isDisk !== true;
}

async function record(
  ctx: Parts<"clock">,
  records: Records,
  { orgId }: Caller,
  copies: readonly VolumeCopy[],
): Promise<void> {
  for (const { id, of, child } of copies) {
    const origin = await records.volumes.get(of);
    if (origin === undefined) throw new FastvmError("not_found", "a volume was deleted meanwhile");
    if (origin.status !== "ready") throw notReady(origin);
    const { kind, sizeGib, labels } = origin;
    await reserveVolumeQuota(records, orgId, { volumeCount: 1, volumeGiB: sizeGib });
    await records.volumes.create({
      id,
      orgId,
      name: `${origin.name.slice(0, MAX_ORIGIN_NAME)} ${child.slice(0, CHILD_DIGITS)}`,
      kind,
      sizeGib,
      accessMode: "rw",
      labels,
      createdAt: ctx.clock.now(),
      pendingSizeGib: null,
      status: "creating",
      statusReason: null,
    });
  }
}

/** In the transaction that records the children: from then on they are volumes like others. */
export async function settleCopies(records: Records, copies: readonly VolumeCopy[]): Promise<void> {
  for (const { id } of copies) await records.volumes.changeStatus(id, "creating", "ready", {});
}

/** What a child has in place of what its source has. */
export function copiedMounts(
  source: readonly RecordedMount[],
  child: VmId,
  copies: readonly VolumeCopy[],
): readonly RecordedMount[] {
  return source.flatMap(({ failure: _before, ...mount }) => {
    if (mount.source !== undefined) return [mount];
    const copy = copies.find((one) => one.child === child && one.of === mount.volumeId);
    return copy === undefined ? [] : [{ ...mount, volumeId: copy.id }];
  });
}

/** Now or later: nobody has it. */
async function undo(ctx: CopiesContext, id: VolumeId): Promise<void> {
  const remove = async () => {
    for (const before of ["creating", "ready"] as const)
      await ctx.store.volumes.changeStatus(id, before, "deleting", {});
    await ctx.worker.volumes.remove(id);
    await ctx.lendRoom(() => ctx.store.volumes.remove(id));
  };
  await ctx.reconciler.settle(id, remove).catch((error: unknown) => {
    ctx.log.warn({ err: error, volumeId: id }, "a volume that was copied for a fork goes later");
    ctx.reconciler.lookLater(id);
  });
}
