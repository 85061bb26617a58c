import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { actorOf } from "../../../../engine/caller.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { pauseVm } from "../../../../engine/vms/pause.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerPauseVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "pauseVm", async ({ dialect, params }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    return { status: 200, body: vmView(await pauseVm(ctx, vm, actorOf(caller)), dialect) };
  });
}
