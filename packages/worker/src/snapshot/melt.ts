/** Melts a delta into a base of its own, so that all VMs restored from the folder share every page. */
import { chmod, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import { flattenDelta } from "../memory/delta.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { DELTA_FILE } from "./folder.ts";
import { readManifest, writeManifest } from "./manifest.ts";

/** `baseIsEmpty`: the base is a hole from end to end, so pages of zeros need not be written. */
export async function meltDelta(partial: string, options: { readonly baseIsEmpty: boolean }): Promise<void> {
  const { delta, ...rest } = await readManifest(partial);
  if (delta === undefined) return;
  const memory = join(partial, MEMORY_FILE);
  const melted = `${memory}.melted`;
  await flattenDelta(memory, join(partial, DELTA_FILE), melted, options);
  await step("melt.flattened");
  await chmod(melted, 0o444);
  await rename(melted, memory);
  await step("melt.base-replaced");
  await writeManifest(partial, rest);
  await step("melt.described");
  await rm(join(partial, DELTA_FILE));
}
