/** The folder in which a machine's commands run, where the image has none. */
import { FastvmError } from "@fastvm/contract";
import type { VmRecord } from "../../engine/engine.ts";
import type { MachinesScope } from "./machines-scope.ts";
import { WORKSPACE } from "./machine-path.ts";

/** A guest is asked for one folder; it answers in milliseconds or is in trouble that its commands will tell. */
const LIMIT_MS = 5000;

/** Never fails. One that its creator names must be there by itself. */
export async function makeWorkTree(
  { engine, log }: Pick<MachinesScope, "engine" | "log">,
  vm: VmRecord,
): Promise<void> {
  if (vm.cwd !== "" && vm.cwd !== WORKSPACE) return;
  try {
    await engine.files.makeDir(vm.id, WORKSPACE, { signal: AbortSignal.timeout(LIMIT_MS) });
  } catch (error) {
    if (error instanceof FastvmError && error.code === "file_exists") return;
    log.warn({ err: error, vmId: vm.id }, "a machine's work tree could not be made");
  }
}
