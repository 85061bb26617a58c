/** A snapshot of a sandbox as clients read it. */
import type { SandboxSnapshotView } from "@fastvm/contract";
import type { SnapshotRecord } from "../../../engine/engine.ts";

/** `source`: the name of the sandbox that it was taken of, while there is one. */
export function snapshotView(snapshot: SnapshotRecord, source: string | undefined): SandboxSnapshotView {
  const { id, name, status, metadata, createdAt } = snapshot;
  return {
    id,
    name,
    source_sandbox: source ?? null,
    kind: "full",
    status: status === "creating" || status === "ready" ? status : "error",
    labels: metadata,
    created_at: new Date(createdAt).toISOString(),
  };
}
