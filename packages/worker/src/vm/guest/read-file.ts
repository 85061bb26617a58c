/** A file of a running VM, streamed. */
import type { CallOptions } from "@fastvm/contract";
import type { Vm } from "../state/vm.ts";
import { asFileError } from "./file-error.ts";
import { startedWith } from "./started-with.ts";

export async function readFile(
  vm: Vm,
  path: string,
  { signal }: CallOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const link = await vm.link({ signal });
  return await startedWith(piecesOf(link.readFile(path, { signal })));
}

async function* piecesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    throw asFileError(error);
  }
}
