/**
 * What a caller is told when a capture failed: a full disk by its name, a VM that ended meanwhile, everything unforeseen with its cause.
 */
import { FastvmError } from "@fastvm/contract";
import { isOutOfDisk } from "../../files/errno.ts";
import { asEnded } from "../state/ended-error.ts";
import type { QemuProcess } from "../../qemu/qemu-process.ts";

/** `qemu`: of the VM that was captured, when it ran. */
export async function asCaptureError(error: unknown, qemu: QemuProcess | undefined): Promise<FastvmError> {
  if (error instanceof FastvmError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  if (isOutOfDisk(error) || /no space left/i.test(detail)) {
    return new FastvmError("out_of_disk", "the VM runs on, nothing was kept", { cause: error });
  }
  const ended = qemu && (await asEnded(error, qemu));
  return ended ?? new FastvmError("capture_failed", detail, { cause: error });
}
