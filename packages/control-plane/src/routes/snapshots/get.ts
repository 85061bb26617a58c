import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { snapshotView } from "../../views/snapshot-view.ts";
import { findSnapshot } from "../find.ts";

export function registerGetSnapshot(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "getSnapshot", async ({ dialect, params }, caller) => {
    return { status: 200, body: snapshotView(await findSnapshot(ctx, caller, params.snapshotId), dialect) };
  });
}
