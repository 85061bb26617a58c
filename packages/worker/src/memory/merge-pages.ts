/**
 * Keeps the page files of a VM few, and what they hold alive: each capture adds a file, and leaves pages in older ones that nothing of
 * this VM needs any more. What is worth it is copied into one new file; snapshots and other VMs keep their links to the old ones.
 */
import { randomUUID } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { step } from "@fastvm/contract";
import { bytesOf } from "./pages-helper.ts";
import type { PagesHelper } from "./pages-helper.ts";
import { PAGE_BYTES } from "./mapping.ts";
import { countPages, overlay } from "./page-map.ts";
import type { FileExtent, PageExtent, PageMap } from "./page-map.ts";
import { makePageFile, pageFile } from "./vm-memory.ts";
import type { VmMemory } from "./vm-memory.ts";

/** A restore opens and links each. */
const MAX_FILES = 16;
/** At least so many of them become one, so that the next time is some captures away. */
const MIN_MERGED = 8;
/** As much may be dead as is alive, and this in any case: less is not worth a copy. */
const DEAD_ALLOWED_BYTES = 16 * 1024 * 1024;

/** A page file as seen from one map. */
interface Weighed {
  readonly file: number;
  readonly livePages: number;
  readonly deadPages: number;
}

/** Does nothing where nothing is to be gained, or what was captured last is not known. On failure all stays as it is. */
export async function mergePages(helper: PagesHelper, folder: string, memory: VmMemory): Promise<void> {
  const map = memory.captured;
  if (map === undefined) return;
  const chosen = chooseMerged(await weigh(folder, map));
  if (chosen.size === 0) return;
  await step("merge.begun");
  const name = randomUUID();
  try {
    const extents = await copyChosen(helper, folder, map, chosen, name);
    await step("merge.copied");
    await memory.remember(folder, overlay(map, name, extents));
  } catch (error) {
    await rm(pageFile(folder, name), { force: true });
    throw error;
  }
  await step("merge.remembered");
  await memory.removeUnused(folder);
}

async function weigh(folder: string, map: PageMap): Promise<readonly Weighed[]> {
  const live = Array<number>(map.files.length).fill(0);
  for (const { file, pages } of map.extents) live[file] = (live[file] ?? 0) + pages;
  return await Promise.all(
    map.files.map(async (name, file) => {
      const { size } = await stat(pageFile(folder, name));
      const livePages = live[file] ?? 0;
      return { file, livePages, deadPages: Math.max(0, size / PAGE_BYTES - livePages) };
    }),
  );
}

/** The files whose pages are to be copied into a new one. */
export function chooseMerged(files: readonly Weighed[]): ReadonlySet<number> {
  const live = files.reduce((sum, { livePages }) => sum + livePages, 0);
  const dead = files.reduce((sum, { deadPages }) => sum + deadPages, 0);
  const areMany = files.length > MAX_FILES;
  if (!areMany && bytesOf(dead) <= Math.max(bytesOf(live), DEAD_ALLOWED_BYTES)) return new Set();
  const mostlyDead = files.filter(({ livePages, deadPages }) => deadPages > livePages);
  const small = areMany ? smallerOnes(files) : [];
  return new Set([...mostlyDead, ...small].map(({ file }) => file));
}

/** A file that is larger than all smaller ones together stays: it is not copied each time that something small was added. */
function smallerOnes(files: readonly Weighed[]): readonly Weighed[] {
  const bySize = files.toSorted((a, b) => a.livePages - b.livePages);
  let sum = 0;
  const end = bySize.findIndex(({ livePages }, at) => {
    const isLarge = at >= MIN_MERGED && livePages > sum;
    sum += livePages;
    return isLarge;
  });
  return end < 0 ? bySize : bySize.slice(0, end);
}

/** In the memory's order, so that what lies together in memory does so in the file. */
async function copyChosen(
  helper: PagesHelper,
  folder: string,
  map: PageMap,
  chosen: ReadonlySet<number>,
  name: string,
): Promise<readonly FileExtent[]> {
  const moved = map.extents.filter(({ file }) => chosen.has(file));
  let filePage = 0;
  const placed = moved.map((from: PageExtent) => {
    const to = filePage;
    filePage += from.pages;
    return { from, to };
  });
  const target = await makePageFile(folder, name, countPages(moved));
  for (const file of chosen) {
    await helper.copy({
      from: pageFile(folder, map.files[file] ?? ""),
      to: target,
      base: 0,
      sparse: true,
      extents: placed
        .filter(({ from }) => from.file === file)
        .map(({ from, to }) => ({ firstPage: to, pages: from.pages, filePage: from.filePage })),
    });
  }
  return placed.map(({ from, to }) => ({ firstPage: from.firstPage, pages: from.pages, filePage: to }));
}
