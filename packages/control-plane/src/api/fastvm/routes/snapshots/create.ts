import { normalizeName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { createSnapshot } from "../../../../engine/snapshots/create-snapshot.ts";
import { snapshotView } from "../../views/snapshot-view.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerCreateSnapshot(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "createSnapshot", async ({ body, dialect }, caller) => {
    const vm = await findVm(ctx, caller, body.vmId);
    const snapshot = await createSnapshot(ctx, caller, vm, normalizeName(body.name ?? ""));
    return { status: 201, body: snapshotView(snapshot, dialect) };
  });
}
