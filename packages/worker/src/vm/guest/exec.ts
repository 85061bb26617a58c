/** A command in a running VM, with the VM's environment. */
import type { CallOptions, ExecSession, ExecSpec } from "@fastvm/contract";
import { startExec } from "../../exec/start-exec.ts";
import type { Vm } from "../state/vm.ts";
import { settingOf } from "./command-setting.ts";

/** A guest that does not answer within the command's own time would not have run it either. */
export async function exec(vm: Vm, spec: ExecSpec, options: CallOptions): Promise<ExecSession> {
  const link = await vm.link({ signal: options.signal, deadlineMs: spec.timeoutMs });
  return startExec(link, spec, settingOf(vm.record), options);
}
