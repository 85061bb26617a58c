import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import { answerDialect, parseFirewall, patchFirewall } from "../../firewall/validate.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { changeNetwork, readNetwork } from "../../../../engine/network/change-network.ts";
import { firewallReportView } from "../../views/firewall-report-view.ts";
import { vmView } from "../../views/vm-view.ts";
import { findVm } from "../../../../engine/find.ts";

export function registerVmFirewall(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "getVmFirewall", async ({ params }, caller) => {
    const { id } = await findVm(ctx, caller, params.vmId);
    const { policy, report } = await readNetwork(ctx, id);
    return { status: 200, body: firewallReportView(policy, report) };
  });
  serve(app, ctx.store, "setVmFirewall", async ({ body, dialect, params }, caller) => {
    const network = parseFirewall(body);
    const { id } = await findVm(ctx, caller, params.vmId);
    const vm = await changeNetwork(ctx, id, () => ({ network }));
    return { status: 200, body: vmView(vm, answerDialect(body, dialect)) };
  });
  serve(app, ctx.store, "patchVmFirewall", async ({ body, dialect, params }, caller) => {
    const { id } = await findVm(ctx, caller, params.vmId);
    const vm = await changeNetwork(ctx, id, (current) => {
      const network = patchFirewall(current.network, body);
      return network === undefined ? {} : { network };
    });
    return { status: 200, body: vmView(vm, answerDialect(body, dialect)) };
  });
}
