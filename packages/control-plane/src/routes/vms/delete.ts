import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import { actorOf } from "../../lifecycle/caller.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { deleteVm } from "../../lifecycle/delete.ts";
import { findVm } from "../find.ts";

export function registerDeleteVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "deleteVm", async ({ params }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    await deleteVm(ctx, vm, actorOf(caller));
    return { status: 200, body: { id: vm.id, deleted: true } };
  });
}
