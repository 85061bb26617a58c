/** GET /v1/vms/{vmId}/logs. */
import type { VmLog, VmLogs } from "@fastvm/contract";
import type { FastvmScope } from "../../fastvm-scope.ts";

export function registerVmLogs({ routes, engine }: FastvmScope): void {
  routes.serve("getVmLogs", async ({ params }, caller) => {
    return { status: 200, body: logsView(await engine.vms.log(caller, params.vmId)) };
  });
}

/** Decoding replaces what is no UTF-8, such as a character that the limit cut in two. */
function logsView(log: VmLog | undefined): VmLogs {
  const text = (bytes: Uint8Array = new Uint8Array()) => Buffer.from(bytes).toString("utf8");
  return { console: text(log?.console), hypervisor: text(log?.hypervisor) };
}
