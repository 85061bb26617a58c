import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { actorOf } from "../../../../engine/caller.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { deleteVm } from "../../../../engine/vms/delete.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerDeleteVm(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "deleteVm", async ({ params }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    await deleteVm(ctx, vm, actorOf(caller));
    return { status: 200, body: { id: vm.id, deleted: true } };
  });
}
