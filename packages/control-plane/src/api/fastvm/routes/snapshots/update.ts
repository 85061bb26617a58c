import { FastvmError, normalizeName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { snapshotView } from "../../views/snapshot-view.ts";
import { findSnapshot } from "../../../../engine/find.ts";

export function registerUpdateSnapshot(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "updateSnapshot", async ({ body, dialect, params }, caller) => {
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
    const snapshot = await findSnapshot(ctx, caller, params.snapshotId);
    const renamed = await ctx.store.snapshots.rename(snapshot.id, name);
    if (renamed === undefined) throw new FastvmError("not_found", "the snapshot was deleted meanwhile");
    return { status: 200, body: snapshotView(renamed, dialect) };
  });
}
