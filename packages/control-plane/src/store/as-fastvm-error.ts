import { FastvmError } from "@fastvm/contract";
import { isDiskFull } from "./is-disk-full.ts";

/** What is not of the catalogue is a bug, but for a full disk: the log learns what the caller does not. */
export function asFastvmError(error: unknown): FastvmError {
  if (error instanceof FastvmError) return error;
  return isDiskFull(error)
    ? new FastvmError("out_of_disk", "nothing was written", { cause: error })
    : new FastvmError("internal", undefined, { cause: error });
}
