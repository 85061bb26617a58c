/** Where the files of a VM are, which depends on what it is. */
import type { WorkerConfig } from "../../config.ts";
import type { Vm } from "./vm.ts";
import { pausedFolder, stoppedFolder } from "./worker-context.ts";

export function folderOf(config: WorkerConfig, { vmId, folder, record }: Vm): string {
  if (record.phase === "paused") return pausedFolder(config, vmId);
  return isAtRest(record) ? stoppedFolder(config, vmId) : folder;
}

/** Whether nothing is left of it but its disk. */
export function isAtRest({ phase, hasDisk }: Vm["record"]): boolean {
  return phase === "stopped" || (phase === "error" && hasDisk === true);
}
