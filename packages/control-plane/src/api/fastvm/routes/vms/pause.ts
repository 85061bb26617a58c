/** POST /v1/vms/{vmId}/pause: answered when the memory is on disk. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerPauseVm({ routes, engine }: FastvmScope): void {
  routes.serve("pauseVm", async ({ dialect, params }, caller) => {
    return { status: 200, body: vmView(await engine.vms.pause(caller, params.vmId), dialect) };
  });
}
