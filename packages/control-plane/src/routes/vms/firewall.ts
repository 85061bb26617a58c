import type { FastifyInstance } from "fastify";
import { serve } from "../../app/operation-route.ts";
import { parseFirewall, patchFirewall } from "../../firewall/validate.ts";
import type { LifecycleContext } from "../../lifecycle/context.ts";
import { vmView } from "../../views/vm-view.ts";
import { changeVm } from "./change-vm.ts";

export function registerVmFirewall(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "setVmFirewall", async ({ body, dialect, params }, caller) => {
    const firewall = parseFirewall(body);
    const vm = await changeVm(ctx, caller, params.vmId, () => ({ firewall }));
    return { status: 200, body: vmView(vm, dialect) };
  });
  serve(app, ctx.store, "patchVmFirewall", async ({ body, dialect, params }, caller) => {
    const vm = await changeVm(ctx, caller, params.vmId, (current) => {
      const firewall = patchFirewall(current.firewall, body);
      return firewall === undefined ? {} : { firewall };
    });
    return { status: 200, body: vmView(vm, dialect) };
  });
}
