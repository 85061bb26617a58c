/** A new name for a snapshot; it may have another's. */
import { FastvmError } from "@fastvm/contract";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { recordSnapshotEvent } from "./snapshot-events.ts";

/** `name` is normalised. */
export async function renameSnapshot(
  ctx: Parts<"clock" | "store">,
  caller: Caller,
  snapshot: SnapshotRecord,
  name: string,
): Promise<SnapshotRecord> {
  const renamed = await ctx.store.transaction(async (records) => {
    const after = await records.snapshots.rename(snapshot.id, name);
    if (after === undefined) return undefined;
    const change = { actor: actorOf(caller), at: ctx.clock.now() };
    await recordSnapshotEvent(records, after, after.status, after.status, "renamed", change);
    return after;
  });
  if (renamed === undefined) throw new FastvmError("not_found", "the snapshot was deleted meanwhile");
  return renamed;
}
