/**
 * An image of what is no image: a folder of this machine, or a disk of a virtual machine. It becomes one of a single layer, which is kept,
 * given out and booted like any other.
 */
import { FastvmError } from "@fastvm/contract";
import type { CallOptions, HeldImage, ImportOrder } from "@fastvm/contract";
import type { Parts } from "../../vm/state/worker-context.ts";
import type { BuildVmContext } from "../build-vm.ts";
import { ImportSource } from "./open-source.ts";
import { packDisk } from "./pack-disk.ts";
import { packFolder } from "./pack-folder.ts";

/** Rejects with `invalid_request` for what may not or cannot be imported, with `image_invalid` for what is no disk of that format. */
export async function importImage(
  context: BuildVmContext & Parts<"images" | "ending">,
  { path, format, fstype, name, owner }: ImportOrder,
  { signal }: CallOptions = {},
): Promise<HeldImage> {
  await using source = await ImportSource.open(path, context.config.importFolders ?? []);
  if (source.isFolder !== (format === "folder")) {
    const what = source.isFolder ? "a folder" : "a file";
    throw new FastvmError("invalid_request", `${path} is ${what}, and the format is ${format}`, {
      field: "format",
    });
  }
  const ending = AbortSignal.any([context.ending, ...(signal === undefined ? [] : [signal])]);
  const layer =
    format === "folder" ? packFolder(source) : packDisk(context, source, { format, fstype }, ending);
  return await context.images.assemble(name, layer, { owner, signal: ending });
}
