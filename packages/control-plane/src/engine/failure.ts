/** What a failure looks like in a record, and as an answer. */
import { FastvmError, type ErrorCode } from "@fastvm/contract";

/** Log lines of a dead QEMU can be long; a reason is for people. */
const MAX_REASON_LENGTH = 2000;

/** Nothing was begun, so there is nothing to bring to an end. */
export function isCallersFault(error: unknown): boolean {
  return error instanceof FastvmError && error.entry.status < 500;
}

/** Of the catalogue; a bug has the one that clients are answered. */
export function errorCodeOf(error: unknown): ErrorCode {
  return error instanceof FastvmError ? error.code : "internal";
}

/** What an event of a failure says of it. */
export function failureOf(error: unknown): { readonly reason: string; readonly errorCode: ErrorCode } {
  return { reason: reasonOf(error), errorCode: errorCodeOf(error) };
}

/** A sentence for `statusReason`. What is not of the catalogue is a bug, whose details belong in the log. */
export function reasonOf(error: unknown): string {
  const text = error instanceof FastvmError ? error.message : "Something went wrong on our side";
  return text.slice(0, MAX_REASON_LENGTH);
}
