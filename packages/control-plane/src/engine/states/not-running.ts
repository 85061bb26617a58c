import { FastvmError } from "@fastvm/contract";

/** What was meant for a running VM came too late for this life of it; the next one starts from the record. */
export function isNotRunning(error: unknown): boolean {
  return error instanceof FastvmError && ["not_found", "vm_wrong_state", "vm_died"].includes(error.code);
}
