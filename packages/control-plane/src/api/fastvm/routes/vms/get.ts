import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerGetVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "getVm", async ({ dialect, params }, caller) => {
    return { status: 200, body: vmView(await findVm(ctx, caller, params.vmId), dialect) };
  });
}
