import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import { actorOf } from "../../lifecycle/caller.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { pauseVm } from "../../lifecycle/pause.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../find.ts";

export function registerPauseVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "pauseVm", async ({ dialect, params }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    return { status: 200, body: vmView(await pauseVm(ctx, vm, actorOf(caller)), dialect) };
  });
}
