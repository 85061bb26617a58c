import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { snapshotView } from "../../views/snapshot-view.ts";
import { findSnapshot } from "../../../../engine/find.ts";

export function registerGetSnapshot(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "getSnapshot", async ({ dialect, params }, caller) => {
    return { status: 200, body: snapshotView(await findSnapshot(ctx, caller, params.snapshotId), dialect) };
  });
}
