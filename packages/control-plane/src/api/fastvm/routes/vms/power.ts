/** POST /v1/vms/{vmId}/stop, start and restart: 202 while it is on its way. */
import type { StopBody } from "@fastvm/contract";
import type { VmRecord } from "../../../../engine/engine.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import type { Dialect } from "../../firewall/render.ts";
import { vmView } from "../../views/vm-view.ts";

export function registerPowerVm({ routes, engine }: FastvmScope): void {
  const { vms } = engine;
  routes.serve("stopVm", async ({ body, dialect, params }, caller) => {
    return answer(await vms.stop(caller, params.vmId, orderOf(body)), "stopped", dialect);
  });
  routes.serve("startVm", async ({ body, dialect, params }, caller) => {
    const order = { force: body?.force ?? undefined };
    return answer(await vms.start(caller, params.vmId, order), "running", dialect);
  });
  routes.serve("restartVm", async ({ body, dialect, params }, caller) => {
    return answer(await vms.restart(caller, params.vmId, orderOf(body)), "running", dialect);
  });
}

function answer(vm: VmRecord, end: VmRecord["status"], dialect: Dialect) {
  return { status: vm.status === end ? (200 as const) : (202 as const), body: vmView(vm, dialect) };
}

function orderOf(body: StopBody | undefined): { readonly graceMs?: number } {
  const seconds = body?.graceSec ?? undefined;
  return seconds === undefined ? {} : { graceMs: seconds * 1000 };
}
