/**
 * How a restored VM comes by the pages of its map. Few are written into its memory: that is quicker than a process of its own, and a
 * process that waits in the pool can be used. Many are mapped over the base as the process starts, and so shared between all that are
 * restored from them.
 */
import type { MappedPages } from "./mapping.ts";
import { bytesOf } from "./pages-helper.ts";
import { countPages, emptyMap, pick } from "./page-map.ts";
import type { PageExtent, PageMap } from "./page-map.ts";

/** Takes 10 to 30 ms, less than starting a process; and this much at most is a child's own that it could share. */
const WRITE_UP_TO_BYTES = 64 * 1024 * 1024;
/** Each is a mapping, and up to one more lies between two. The kernel allows a process 65,530. */
const MAX_MAPPED_EXTENTS = 8192;
/** A mapping costs as much as writing some pages. */
const MIN_MAPPED_PAGES = 8;

/** The part of the map that a process is to be started with; the rest is written into it. */
export function planMapped(map: PageMap): PageMap {
  if (bytesOf(countPages(map.extents)) <= WRITE_UP_TO_BYTES) return emptyMap(map.memoryPages);
  const smallest = sizeOfSmallestMapped(map.extents);
  return pick(map, ({ pages }) => pages >= smallest);
}

/** That part with the files that it needs. */
export function onlyMapped(whole: MappedPages, mapped: PageMap): MappedPages {
  return { map: mapped, paths: mapped.files.map((name) => whole.paths[whole.map.files.indexOf(name)] ?? "") };
}

/** Of all that are as large no more than may be mapped. */
function sizeOfSmallestMapped(extents: readonly PageExtent[]): number {
  const sizes = extents.map(({ pages }) => pages).toSorted((a, b) => b - a);
  const firstLeftOut = sizes[MAX_MAPPED_EXTENTS] ?? 0;
  return Math.max(MIN_MAPPED_PAGES, firstLeftOut + 1);
}
