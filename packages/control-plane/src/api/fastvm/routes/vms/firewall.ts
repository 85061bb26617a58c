/** What a VM may reach and who may reach it: read, set whole, changed in parts. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { answerDialect, parseFirewall, patchFirewall } from "../../firewall/validate.ts";
import { firewallReportView } from "../../views/firewall-report-view.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerVmFirewall({ routes, engine }: FastvmScope): void {
  routes.serve("getVmFirewall", async ({ params }, caller) => {
    const { policy, report } = await engine.networks.read(caller, params.vmId);
    return { status: 200, body: firewallReportView(policy, report) };
  });
  routes.serve("setVmFirewall", async ({ body, dialect, params }, caller) => {
    const network = parseFirewall(body);
    const vm = await engine.networks.change(caller, params.vmId, () => network);
    return { status: 200, body: vmView(vm, answerDialect(body, dialect)) };
  });
  routes.serve("patchVmFirewall", async ({ body, dialect, params }, caller) => {
    const vm = await engine.networks.change(caller, params.vmId, (current) => patchFirewall(current, body));
    return { status: 200, body: vmView(vm, answerDialect(body, dialect)) };
  });
}
