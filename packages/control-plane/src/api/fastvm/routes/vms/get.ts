/** GET /v1/vms/{vmId}. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerGetVm({ routes, engine }: FastvmScope): void {
  routes.serve("getVm", async ({ dialect, params }, caller) => {
    return { status: 200, body: vmView(await engine.vms.get(caller, params.vmId), dialect) };
  });
}
