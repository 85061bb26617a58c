/** Melts the pages of a captured state into a base of its own, which all VMs that are restored from it share: what makes a template. */
import { chmod, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import type { PagesHelper } from "../memory/pages-helper.ts";
import { MAP_FILE, PAGES_FOLDER } from "../memory/vm-memory.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { readManifest, writeManifest } from "./manifest.ts";
import { openMemory } from "./memory.ts";

/** For a VM that booted on an empty memory: its base is a hole from end to end, so there is nothing of it to copy. */
export async function meltPages(helper: PagesHelper, partial: string): Promise<void> {
  const { pages, format: _format, ...rest } = await readManifest(partial);
  if (pages === undefined) return;
  const memory = join(partial, MEMORY_FILE);
  const melted = `${memory}.melted`;
  await melt(helper, partial, melted);
  await step("melt.flattened");
  await chmod(melted, 0o444);
  await rename(melted, memory);
  await step("melt.base-replaced");
  await writeManifest(partial, rest);
  await step("melt.described");
  await rm(join(partial, MAP_FILE));
  await rm(join(partial, PAGES_FOLDER), { recursive: true });
}

async function melt(helper: PagesHelper, partial: string, target: string): Promise<void> {
  const manifest = await readManifest(partial);
  const { memory } = await openMemory({ folder: partial, manifest });
  {
    await using file = await open(target, "wx", 0o600);
    await file.truncate(manifest.memory.bytes);
  }
  for (const [index, from] of memory.paths.entries()) {
    const extents = memory.map.extents.filter(({ file }) => file === index);
    await helper.copy({ from, to: target, base: 0, extents, sparse: true });
  }
}
