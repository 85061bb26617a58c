/** POST /v1/vms/{vmId}/resume: 202 where the host has no room yet. */
import type { FastvmScope } from "../../fastvm-scope.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerResumeVm({ routes, engine }: FastvmScope): void {
  routes.serve("resumeVm", async ({ dialect, params }, caller) => {
    const vm = await engine.vms.resume(caller, params.vmId);
    return { status: vm.status === "running" ? 200 : 202, body: vmView(vm, dialect) };
  });
}
