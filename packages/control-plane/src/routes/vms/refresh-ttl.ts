import { FastvmError } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { refreshTtl } from "../../lifecycle/ttl.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../find.ts";

export function registerRefreshVmTtl(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "refreshVmTtl", async ({ params }, caller) => {
    const { id } = await findVm(ctx, caller, params.vmId);
    const refreshed = await ctx.store.transaction(async (records) => {
      const vm = await records.vms.lock(id);
      return vm && records.vms.update(id, refreshTtl(vm, ctx.clock.now()));
    });
    if (refreshed === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
    return { status: 200, body: vmView(refreshed) };
  });
}
