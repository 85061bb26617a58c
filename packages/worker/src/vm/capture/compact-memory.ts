/** Keeps the page files of a running VM few; see memory/merge-pages.ts. */
import { mergePages } from "../../memory/merge-pages.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

/** By its turn the VM may have been paused, resumed as another or deleted, and its folder with it. */
export async function compactMemory(context: Parts<"copier" | "vms">, vm: Vm): Promise<void> {
  if (vm.record.phase !== "running" || context.vms.get(vm.vmId) !== vm) return;
  await mergePages(context.copier.helper, vm.folder, vm.memory);
}
