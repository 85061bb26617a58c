import { FastvmError } from "@fastvm/contract";
import { GuestError } from "../../guest-link/guest-error.ts";

/** What the guest answered is the caller's to read; anything else is thrown as it came. */
export function asTransferError(error: unknown): unknown {
  return error instanceof GuestError
    ? new FastvmError("transfer_failed", error.message, { cause: error })
    : error;
}
