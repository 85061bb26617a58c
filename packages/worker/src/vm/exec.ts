/** A command in a running VM, with the VM's environment. */
import type { CallOptions, ExecSession, ExecSpec } from "@fastvm/contract";
import { startExec } from "../exec/start-exec.ts";
import type { Vm } from "./vm.ts";

export function exec(vm: Vm, spec: ExecSpec, options: CallOptions): ExecSession {
  const { link } = vm.requireGuest();
  return startExec(link, spec, vm.record.identity.envVars, options);
}
