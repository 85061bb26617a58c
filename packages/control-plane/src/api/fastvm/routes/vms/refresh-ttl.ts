/** POST /v1/vms/{vmId}/ttl/refresh: the time to live begins anew. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerRefreshVmTtl({ routes, engine }: FastvmScope): void {
  routes.serve("refreshVmTtl", async ({ dialect, params }, caller) => {
    return { status: 200, body: vmView(await engine.vms.refreshTtl(caller, params.vmId), dialect) };
  });
}
