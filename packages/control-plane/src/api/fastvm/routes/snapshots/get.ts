/** GET /v1/snapshots/{snapshotId}. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { snapshotView } from "../../views/snapshot-view.ts";

export function registerGetSnapshot({ routes, engine }: FastvmScope): void {
  routes.serve("getSnapshot", async ({ dialect, params }, caller) => {
    const snapshot = await engine.snapshots.get(caller, params.snapshotId);
    return { status: 200, body: snapshotView(snapshot, dialect) };
  });
}
