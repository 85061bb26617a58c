/** A file from outside into a running VM, streamed. */
import { FastvmError } from "@fastvm/contract";
import type { CallOptions } from "@fastvm/contract";
import { GuestError } from "../guest-link/guest-error.ts";
import type { Vm } from "./vm.ts";

export async function writeFile(
  vm: Vm,
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: CallOptions,
): Promise<void> {
  const { link } = vm.requireGuest();
  try {
    await link.writeFile(path, content, { makeParents: true, signal: options.signal });
  } catch (error) {
    if (error instanceof GuestError)
      throw new FastvmError("transfer_failed", error.message, { cause: error });
    throw error;
  }
}
