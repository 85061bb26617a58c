/** Makes a volume: recorded first, so that whatever ends in the middle is undone. */
import { FastvmError, newVolumeId } from "@fastvm/contract";
import type { VolumeAccessMode, VolumeId, VolumeKind } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VolumeRecord } from "../../store/volume-repository.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { reserveVolumeQuota } from "../placement/reservation.ts";
import { assertNameFree } from "./names.ts";

/** What is to be made, in nobody's words. */
export interface VolumeOrder {
  /** Normalised. */
  readonly name: string;
  readonly kind: VolumeKind;
  readonly sizeGib: number;
  readonly accessMode: VolumeAccessMode;
  /** Checked. */
  readonly labels?: Readonly<Record<string, string>>;
}

type CreateContext = Parts<"clock" | "inflight" | "reconciler" | "store" | "worker">;

/** Resolves when it is ready. However often an order comes under one key, one volume is made. */
export async function createVolume(
  ctx: CreateContext,
  caller: Caller,
  order: VolumeOrder,
  key?: OrderKey,
): Promise<VolumeRecord> {
  const id = newVolumeId();
  const { name, kind, sizeGib, accessMode, labels = {} } = order;
  const made = await ctx.inflight.start(id, "create", async () => {
    // Over a power cut, too: a volume that no record knows is let be.
    const earlier = await ctx.store.transaction(async (records) => {
      const before = await earlierOf(ctx, records, caller, id, key);
      if (before !== undefined) return before;
      await reserveVolumeQuota(records, caller.orgId, { volumeCount: 1, volumeGiB: sizeGib });
      await assertNameFree(records, caller, name);
      const about = { id, orgId: caller.orgId, name, kind, sizeGib, accessMode, createdAt: ctx.clock.now() };
      await records.volumes.create({
        ...about,
        labels,
        pendingSizeGib: null,
        status: "creating",
        statusReason: null,
      });
      return undefined;
    });
    if (earlier !== undefined) return { earlier };
    try {
      await ctx.worker.volumes.create({ volumeId: id, kind, sizeGib });
    } catch (error) {
      await ctx.reconciler.settle(id, () => ctx.store.volumes.remove(id));
      throw error;
    }
    const ready = await ctx.reconciler.settle(id, () =>
      ctx.store.volumes.changeStatus(id, "creating", "ready", {}),
    );
    if (ready === undefined) throw gone();
    return { ready };
  });
  return made.ready ?? whenReady(ctx, made.earlier);
}

/** What the same order made, or is making. */
async function earlierOf(
  ctx: Parts<"clock">,
  records: Records,
  caller: Caller,
  id: VolumeId,
  key: OrderKey | undefined,
): Promise<VolumeRecord | undefined> {
  if (key === undefined) return undefined;
  const isThere = async (before: string) => (await records.volumes.get(before as VolumeId)) !== undefined;
  const taken = await takeOrderKey(records, caller, key, id, ctx.clock.now(), isThere);
  if (taken.kind === "ours") return undefined;
  const earlier = await records.volumes.get(taken.subjectId as VolumeId);
  if (earlier === undefined) throw gone();
  return earlier;
}

/** One on its way that nobody here works on was cut: it is finished or undone first. */
async function whenReady(ctx: CreateContext, { id, status }: VolumeRecord): Promise<VolumeRecord> {
  if (!(await ctx.inflight.join(id, "create")) && status === "creating") await ctx.reconciler.lookNow(id);
  const now = await ctx.store.volumes.get(id);
  if (now === undefined) throw gone();
  return now;
}

function gone(): FastvmError {
  return new FastvmError("not_found", "the volume was deleted meanwhile");
}
