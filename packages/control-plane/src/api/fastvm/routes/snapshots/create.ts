/** POST /v1/snapshots: answered when the snapshot is ready. */
import { normalizeName } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { snapshotView } from "../../views/snapshot-view.ts";

export function registerCreateSnapshot({ routes, engine }: FastvmScope): void {
  routes.serve("createSnapshot", async ({ body, dialect }, caller) => {
    const snapshot = await engine.snapshots.create(caller, body.vmId, normalizeName(body.name ?? ""));
    return { status: 201, body: snapshotView(snapshot, dialect) };
  });
}
