/** DELETE /v1/snapshots/{snapshotId}. */
import type { FastvmScope } from "../../fastvm-scope.ts";

export function registerDeleteSnapshot({ routes, engine }: FastvmScope): void {
  routes.serve("deleteSnapshot", async ({ params }, caller) => {
    const id = await engine.snapshots.delete(caller, params.snapshotId);
    return { status: 200, body: { id, deleted: true } };
  });
}
