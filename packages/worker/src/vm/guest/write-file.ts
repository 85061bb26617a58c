/** A file from outside into a running VM, streamed. */
import type { FileModeOptions } from "@fastvm/contract";
import type { Vm } from "../state/vm.ts";
import { asFileError } from "./file-error.ts";

export async function writeFile(
  vm: Vm,
  path: string,
  content: AsyncIterable<Uint8Array>,
  { mode, signal }: FileModeOptions,
): Promise<void> {
  const link = await vm.link({ signal });
  try {
    await link.writeFile(path, content, { makeParents: true, mode, signal });
  } catch (error) {
    throw asFileError(error);
  }
}
