/** What the record of a VM that runs has to outlive before anybody is told: what the VM does. */
import type { VmRecord } from "../../store/vm-repository.ts";

export function recordDurability({ durability }: Pick<VmRecord, "durability">): "power" | "process" {
  return durability === "strict" ? "power" : "process";
}
