/** Why a VM's QEMU is gone: what its supervisor recorded, and what its control group counted. Asked before what the VM held is freed. */
import { explainEnd as explainQemuEnd } from "../../qemu/qemu-process.ts";
import type { Vm } from "./vm.ts";
import type { Parts } from "./worker-context.ts";

/** One sentence, such as `QEMU was ended by SIGKILL`. */
export async function explainEnd({ cgroups }: Parts<"cgroups">, vm: Vm): Promise<string> {
  const how = await explainQemuEnd(vm.folder);
  const isOutOfMemory = await cgroups.ranOutOfMemory(vm.record.slot);
  return isOutOfMemory ? `${how}, by the kernel, for want of memory` : how;
}
