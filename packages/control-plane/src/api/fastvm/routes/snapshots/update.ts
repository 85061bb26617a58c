/** PATCH /v1/snapshots/{snapshotId}: its name. */
import { FastvmError, normalizeName } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { snapshotView } from "../../views/snapshot-view.ts";

export function registerUpdateSnapshot({ routes, engine }: FastvmScope): void {
  routes.serve("updateSnapshot", async ({ body, dialect, params }, caller) => {
    if (body.name === undefined || body.name === null) {
      throw new FastvmError("invalid_request", "give a name: nothing else of a snapshot can be changed", {
        field: "body",
      });
    }
    const name = normalizeName(body.name);
    if (name === "") {
      const rule = "name must contain at least one visible character";
      throw new FastvmError("invalid_request", rule, { field: "name" });
    }
    const renamed = await engine.snapshots.rename(caller, params.snapshotId, name);
    return { status: 200, body: snapshotView(renamed, dialect) };
  });
}
