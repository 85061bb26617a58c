/** A snapshot of a sandbox as clients read it. */
import { createHash } from "node:crypto";
import type { SandboxSnapshotView } from "@fastvm/contract";
import type { SnapshotRecord } from "../../../engine/engine.ts";

/** `source`: the name of the sandbox that it was taken of, while there is one. */
export function snapshotView(snapshot: SnapshotRecord, source: string | undefined): SandboxSnapshotView {
  const { id, name, status, metadata, labels, integrity, createdAt } = snapshot;
  return {
    id,
    name,
    source_sandbox: source ?? null,
    kind: "full",
    status: status === "creating" || status === "ready" ? status : "error",
    labels: { ...metadata, ...labels },
    integrity: integrity === null ? null : rootOf(integrity),
    created_at: new Date(createdAt).toISOString(),
  };
}

/** One digest of all of them. */
function rootOf(files: Readonly<Record<string, string>>): string {
  const lines = Object.keys(files)
    .toSorted()
    .map((path) => `${files[path]}  ${path}\n`);
  return `sha256:${createHash("sha256").update(lines.join("")).digest("hex")}`;
}
