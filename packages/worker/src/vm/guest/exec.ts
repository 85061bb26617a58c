/** A command in a running VM, with the VM's environment. */
import type { CallOptions, ExecSession, ExecSpec } from "@fastvm/contract";
import { startExec } from "../../exec/start-exec.ts";
import { trustVariables } from "../../trust/trust.ts";
import type { Vm } from "../state/vm.ts";

/** A guest that does not answer within the command's own time would not have run it either. */
export async function exec(vm: Vm, spec: ExecSpec, options: CallOptions): Promise<ExecSession> {
  const link = await vm.link({ signal: options.signal, deadlineMs: spec.timeoutMs });
  const { identity, trust } = vm.record;
  return startExec(link, spec, { ...trustVariables(trust), ...identity.envVars }, options);
}
