/** POST /v1/snapshots: answered when the snapshot is ready. */
import { normalizeName } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { snapshotView } from "../../views/snapshot-view.ts";

export function registerCreateSnapshot({ routes, engine }: FastvmScope): void {
  routes.serve("createSnapshot", async ({ body, dialect }, caller) => {
    const reclaim = body.reclaim ?? false;
    const name = normalizeName(body.name ?? "");
    const { snapshot, reclaimedBytes = null } = await engine.snapshots.create(caller, body.vmId, name, {
      reclaim,
    });
    const view = snapshotView(snapshot, dialect);
    return { status: 201, body: reclaim ? { ...view, reclaimedBytes } : view };
  });
}
