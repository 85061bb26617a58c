/** GET /v1/snapshots. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { snapshotView } from "../../views/snapshot-view.ts";
import { matchesMetadata } from "../metadata-filter.ts";

export function registerListSnapshots({ routes, engine }: FastvmScope): void {
  routes.serve("listSnapshots", async ({ dialect, query }, caller) => {
    const matches = matchesMetadata(query);
    const snapshots = await engine.snapshots.list(caller);
    const shown = snapshots.filter((snapshot) => matches(snapshot));
    return { status: 200, body: shown.map((snapshot) => snapshotView(snapshot, dialect)) };
  });
}
