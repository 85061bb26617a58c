import type { ErrorCode, SnapshotStatus } from "@fastvm/contract";
import { metadataOf } from "../events/event-metadata.ts";
import type { Records } from "../../store/records.ts";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";

/** `from` null: the snapshot begins to exist; `to` null: it is gone. */
export async function recordSnapshotEvent(
  records: Records,
  snapshot: SnapshotRecord,
  from: SnapshotStatus | null,
  to: SnapshotStatus | null,
  cause: string,
  change: { actor: string; at: number; reason?: string; errorCode?: ErrorCode },
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
    sourceVmId: snapshot.vmId,
    errorCode: change.errorCode ?? null,
    metadata: metadataOf(snapshot),
  });
}
