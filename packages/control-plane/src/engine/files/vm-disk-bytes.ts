/** What may be on its way into a VM at once: as much as its disk could hold. */
import type { VmRecord } from "../../store/vm-repository.ts";

const GIB = 1024 ** 3;

export function vmDiskBytes({ diskGib }: Pick<VmRecord, "diskGib">): number {
  return diskGib * GIB;
}
