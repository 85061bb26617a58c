import { normalizeName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { createSnapshot } from "../../lifecycle/create-snapshot.ts";
import { snapshotView } from "../../views/snapshot-view.ts";
import { findVm } from "../find.ts";

export function registerCreateSnapshot(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "createSnapshot", async ({ body, dialect }, caller) => {
    const vm = await findVm(ctx, caller, body.vmId);
    const snapshot = await createSnapshot(ctx, caller, vm, normalizeName(body.name ?? ""));
    return { status: 201, body: snapshotView(snapshot, dialect) };
  });
}
