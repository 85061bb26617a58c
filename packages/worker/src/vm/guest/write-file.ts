/** A file from outside into a running VM, streamed. */
import { FastvmError } from "@fastvm/contract";
import type { CallOptions } from "@fastvm/contract";
import { GuestError } from "../../guest-link/guest-error.ts";
import type { Vm } from "../state/vm.ts";

export async function writeFile(
  vm: Vm,
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: CallOptions,
): Promise<void> {
  const link = await vm.link({ signal: options.signal });
  try {
    await link.writeFile(path, content, { makeParents: true, signal: options.signal });
  } catch (error) {
    throw asTransferError(error);
  }
}

/** What the guest answered is the caller's to read; anything else is thrown as it came. */
export function asTransferError(error: unknown): unknown {
  return error instanceof GuestError
    ? new FastvmError("transfer_failed", error.message, { cause: error })
    : error;
}
