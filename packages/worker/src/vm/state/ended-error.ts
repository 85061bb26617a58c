/**
 * Tells a VM that ended under our hands from everything else that can go wrong with it:
 * memory, monitor and numbers of a dead process fail in many ways.
 */
import { FastvmError } from "@fastvm/contract";
import type { QemuProcess } from "../../qemu/qemu-process.ts";
import { QmpError } from "../../qemu/qmp-error.ts";

/** `vm_died` with the reason when this failure is that of a QEMU that has ended; else `undefined`. */
export async function asEnded(error: unknown, qemu: QemuProcess): Promise<FastvmError | undefined> {
  // Who refuses lives.
  if (error instanceof FastvmError || error instanceof QmpError || !(await qemu.endsSoon())) return undefined;
  return new FastvmError("vm_died", await qemu.explainEnd(), { cause: error });
}
