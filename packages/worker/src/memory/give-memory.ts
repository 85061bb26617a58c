/** Gives a process that waits for a device state the pages of its VM's memory that it has not mapped already. */
import { isErrno } from "../files/errno.ts";
import { findMemoryMapping } from "./mapping.ts";
import type { MappedPages, MemoryMapping } from "./mapping.ts";
import type { MemoryCopier } from "./capture-memory.ts";
import { countPages, pick } from "./page-map.ts";
import type { PageMap } from "./page-map.ts";
import { memoryOf } from "./pages-helper.ts";
import type { PagesHelper } from "./pages-helper.ts";
import { linkPages, mappedIn, VmMemory } from "./vm-memory.ts";

interface MemoryTarget {
  readonly pid: number;
  /** The VM's. */
  readonly folder: string;
  /** The base, in the folder. */
  readonly memoryFile: string;
  /** What the process has mapped: of the memory's extents none or some. */
  readonly mapped: PageMap;
}

export async function giveMemory(
  copier: MemoryCopier,
  target: MemoryTarget,
  whole: MappedPages,
): Promise<VmMemory> {
  const { pid, folder, memoryFile, mapped } = target;
  const isMapped = new Set(mapped.extents.map(({ firstPage }) => firstPage));
  const written = pick(whole.map, ({ firstPage }) => !isMapped.has(firstPage));
  if (written.extents.length === 0) return new VmMemory(mapped);
  const mapping = await findMemoryMapping(pid, memoryFile, mappedIn(folder, mapped));
  await writePages(copier.helper, pid, mapping, whole, written);
  const memory = new VmMemory(mapped);
  const isKnown = copier.tracksWrites && (await protectOnly(copier.helper, pid, mapping, written));
  if (!isKnown) return memory;
  await linkPages(folder, whole.map.files, whole.paths);
  await memory.remember(folder, whole.map);
  return memory;
}

async function writePages(
  helper: PagesHelper,
  pid: number,
  mapping: MemoryMapping,
  whole: MappedPages,
  written: PageMap,
): Promise<void> {
  const copies = written.files.map(async (name, file) => {
    await helper.copy({
      from: whole.paths[whole.map.files.indexOf(name)] ?? "",
      to: memoryOf(pid),
      base: mapping.address,
      extents: written.extents.filter((extent) => extent.file === file),
      sparse: false,
    });
  });
  await Promise.all(copies);
}

/** Whether what is written from here on is known, and what was written before is all from the map: QEMU itself may have written, too. */
async function protectOnly(
  helper: PagesHelper,
  pid: number,
  mapping: MemoryMapping,
  written: PageMap,
): Promise<boolean> {
  try {
    const { pages } = await helper.scan({ pid, mapping, wanted: "private", protect: true });
    return pages === countPages(written.extents);
  } catch (error) {
    if (isErrno(error, "EPERM")) return false;
    throw error;
  }
}
