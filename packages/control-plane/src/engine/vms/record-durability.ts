/**
 * What the record of a VM that runs, or is about to, has to outlive: what the VM does. So before its worker is told anything, as that syncs
 * what it makes and a cut would otherwise leave a VM that no record knows, and before anybody else is told.
 */
import type { VmRecord } from "../../store/vm-repository.ts";

export function recordDurability({ durability }: Pick<VmRecord, "durability">): "power" | "process" {
  return durability === "strict" ? "power" : "process";
}
