import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { tellDeadline } from "../../../../engine/vms/deadline.ts";
import { refreshTtl } from "../../../../engine/vms/ttl.ts";
import { vmView } from "../../views/vm-view.ts";
import { changeVm } from "../../../../engine/vms/change-vm.ts";

export function registerRefreshVmTtl(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "refreshVmTtl", async ({ dialect, params }, caller) => {
    const refreshed = await changeVm(ctx, caller, params.vmId, (vm) => refreshTtl(vm, ctx.clock.now()));
    await tellDeadline(ctx, refreshed.id);
    return { status: 200, body: vmView(refreshed, dialect) };
  });
}
