import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { actorOf } from "../../../../engine/caller.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { deleteSnapshot } from "../../../../engine/snapshots/delete-snapshot.ts";
import { findSnapshot } from "../../../../engine/find.ts";

export function registerDeleteSnapshot(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "deleteSnapshot", async ({ params }, caller) => {
    const snapshot = await findSnapshot(ctx, caller, params.snapshotId);
    await deleteSnapshot(ctx, snapshot, actorOf(caller));
    return { status: 200, body: { id: snapshot.id, deleted: true } };
  });
}
