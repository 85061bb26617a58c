/** DELETE /v1/vms/{vmId}. */
import type { FastvmScope } from "../../fastvm-scope.ts";

export function registerDeleteVm({ routes, engine }: FastvmScope): void {
  routes.serve("deleteVm", async ({ params }, caller) => {
    const id = await engine.vms.delete(caller, params.vmId);
    return { status: 200, body: { id, deleted: true } };
  });
}
