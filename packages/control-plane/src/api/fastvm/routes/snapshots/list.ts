import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { snapshotView } from "../../views/snapshot-view.ts";
import { matchesMetadata } from "../metadata-filter.ts";

export function registerListSnapshots(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "listSnapshots", async ({ dialect, query }, caller) => {
    const matches = matchesMetadata(query);
    const snapshots = await ctx.store.snapshots.list(caller.orgId);
    const shown = snapshots.filter((snapshot) => matches(snapshot));
    return { status: 200, body: shown.map((snapshot) => snapshotView(snapshot, dialect)) };
  });
}
