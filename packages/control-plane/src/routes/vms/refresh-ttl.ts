import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { tellDeadline } from "../../lifecycle/deadline.ts";
import { refreshTtl } from "../../lifecycle/ttl.ts";
import { vmView } from "../../views/vm-view.ts";
import { changeVm } from "./change-vm.ts";

export function registerRefreshVmTtl(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "refreshVmTtl", async ({ dialect, params }, caller) => {
    const refreshed = await changeVm(ctx, caller, params.vmId, (vm) => refreshTtl(vm, ctx.clock.now()));
    await tellDeadline(ctx, refreshed.id);
    return { status: 200, body: vmView(refreshed, dialect) };
  });
}
