/** A command in a running VM, with the VM's environment. */
import type { CallOptions, ExecSession, ExecSpec } from "@fastvm/contract";
import { startExec } from "../exec/start-exec.ts";
import type { Vm } from "./vm.ts";

export async function exec(vm: Vm, spec: ExecSpec, options: CallOptions): Promise<ExecSession> {
  const { link } = vm.requireGuest();
  return await startExec(link, spec, vm.record.identity.envVars, options);
}
