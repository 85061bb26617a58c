import type { SnapshotStatus } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";

/** `from` null: the snapshot begins to exist; `to` null: it is gone. */
export async function recordSnapshotEvent(
  records: Records,
  snapshot: SnapshotRecord,
  from: SnapshotStatus | null,
  to: SnapshotStatus | null,
  cause: string,
  change: { actor: string; at: number; reason?: string },
): Promise<void> {
  await records.events.append({
    orgId: snapshot.orgId,
    subjectKind: "snapshot",
    subjectId: snapshot.id,
    fromStatus: from,
    toStatus: to,
    cause,
    actor: change.actor,
    detail: change.reason ?? null,
    at: change.at,
  });
}
