import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import { actorOf } from "../../lifecycle/caller.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { deleteSnapshot } from "../../lifecycle/delete-snapshot.ts";
import { findSnapshot } from "../find.ts";

export function registerDeleteSnapshot(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "deleteSnapshot", async ({ params }, caller) => {
    const snapshot = await findSnapshot(ctx, caller, params.snapshotId);
    await deleteSnapshot(ctx, snapshot, actorOf(caller));
    return { status: 200, body: { id: snapshot.id, deleted: true } };
  });
}
