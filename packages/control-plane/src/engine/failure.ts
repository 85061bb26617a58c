/** What a failure looks like in a record, and as an answer. */
import { FastvmError } from "@fastvm/contract";

/** Log lines of a dead QEMU can be long; a reason is for people. */
const MAX_REASON_LENGTH = 2000;

/** Nothing was begun, so there is nothing to bring to an end. */
export function isCallersFault(error: unknown): boolean {
  return error instanceof FastvmError && error.entry.status < 500;
}

/** A sentence for `statusReason`. What is not of the catalogue is a bug, whose details belong in the log. */
export function reasonOf(error: unknown): string {
  const text = error instanceof FastvmError ? error.message : "Something went wrong on our side";
  return text.slice(0, MAX_REASON_LENGTH);
}
