/** From what a record says of a snapshot and whether the worker has it, to the state that both agree on. */
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import { SYSTEM_ACTOR } from "../caller.ts";
import type { Parts } from "../context.ts";
import { recordSnapshotEvent } from "../snapshots/snapshot-events.ts";
import type { Scope, Settlement } from "./reconciler.ts";

const LOST = "The host no longer has this snapshot";

export function settlementOfSnapshot(
  ctx: Parts<"clock" | "store" | "worker">,
  snapshot: SnapshotRecord,
  exists: boolean,
  scope: Scope,
): Settlement | undefined {
  const { status, id: key } = snapshot;
  if (status === "creating" || status === "deleting") return { key, settle: () => undo(ctx, snapshot) };
  if (status === "ready" && !exists) return { key, settle: () => markLost(ctx, snapshot) };
  // Such as when the disk that it lies on was not mounted.
  const isBack = status === "error" && exists && (scope === "all" || scope === "start");
  return isBack ? { key, settle: () => markFound(ctx, snapshot) } : undefined;
}

/** Nobody was told of a half-made one; somebody was promised that the other one goes. */
async function undo(ctx: Parts<"clock" | "store" | "worker">, snapshot: SnapshotRecord): Promise<void> {
  const { status } = snapshot;
  await ctx.worker.deleteSnapshot(snapshot.id);
  const cause = status === "creating" ? "capture_interrupted" : "deleted";
  await ctx.store.transaction(async (records) => {
    const gone = await records.snapshots.remove(snapshot.id);
    if (gone === undefined) return;
    await recordSnapshotEvent(records, gone, gone.status, null, cause, {
      actor: SYSTEM_ACTOR,
      at: ctx.clock.now(),
      ...(cause === "deleted" ? {} : { errorCode: "capture_failed" }),
    });
  });
}

async function markLost(ctx: Parts<"clock" | "store">, snapshot: SnapshotRecord): Promise<void> {
  await ctx.store.transaction(async (records) => {
    const lost = await records.snapshots.changeStatus(snapshot.id, "ready", "error", { statusReason: LOST });
    if (lost === undefined) return;
    const change = { actor: SYSTEM_ACTOR, at: ctx.clock.now(), reason: LOST };
    await recordSnapshotEvent(records, snapshot, "ready", "error", "lost", change);
  });
}

async function markFound(ctx: Parts<"clock" | "store">, snapshot: SnapshotRecord): Promise<void> {
  await ctx.store.transaction(async (records) => {
    const found = await records.snapshots.changeStatus(snapshot.id, "error", "ready", { statusReason: null });
    if (found === undefined) return;
    const change = { actor: SYSTEM_ACTOR, at: ctx.clock.now() };
    await recordSnapshotEvent(records, snapshot, "error", "ready", "found", change);
  });
}
