/**
 * Where the pages of a VM's memory are: the base, and over it extents of page files. Flat: one map says it for every page, whatever
 * captures it came from, so nothing ever follows a chain. Values, never changed in place.
 */

/** Consecutive pages of a memory. */
export interface PageRange {
  readonly firstPage: number;
  readonly pages: number;
}

/** Consecutive pages of a memory that follow each other in a file, too. */
export interface FileExtent extends PageRange {
  /** Where in the file the first one is, in pages. */
  readonly filePage: number;
}

export interface PageExtent extends FileExtent {
  /** Which of the map's files. */
  readonly file: number;
}

export interface PageMap {
  readonly memoryPages: number;
  /** Names of page files; each has at least one extent. */
  readonly files: readonly string[];
  /** In the memory's order, without overlap. All other pages are the base's. */
  readonly extents: readonly PageExtent[];
}

export function emptyMap(memoryPages: number): PageMap {
  return { memoryPages, files: [], extents: [] };
}

/** What the map becomes once the pages in `newer`, in order and without overlap, are those of file `name`. */
export function overlay(map: PageMap, name: string, newer: readonly FileExtent[]): PageMap {
  assertInOrder(newer);
  const known = map.files.indexOf(name);
  const file = known < 0 ? map.files.length : known;
  const files = known < 0 ? [...map.files, name] : map.files;
  const above = newer.map((extent) => ({ ...extent, file }));
  return prune(map.memoryPages, files, merge(subtract(map.extents, newer), above));
}

/** A map of pages that are there twice is one that no restore can read, and it would be noticed then. */
function assertInOrder(ranges: readonly PageRange[]): void {
  let end = 0;
  for (const { firstPage, pages } of ranges) {
    if (firstPage < end) throw new Error(`Page ${firstPage} was found twice, or after page ${end - 1}`);
    end = firstPage + pages;
  }
}

/** What is left of the map once the pages in `ranges`, in order and without overlap, are the base's. */
export function without(map: PageMap, ranges: readonly PageRange[]): PageMap {
  return prune(map.memoryPages, map.files, subtract(map.extents, ranges));
}

/** The map's part that `chosen` picks, with the files it needs. */
export function pick(map: PageMap, chosen: (extent: PageExtent) => boolean): PageMap {
  return prune(map.memoryPages, map.files, map.extents.filter(chosen));
}

export function countPages(ranges: readonly PageRange[]): number {
  return ranges.reduce((sum, { pages }) => sum + pages, 0);
}

/** What is left of the extents where none of the ranges is. Both are in order. */
function subtract(extents: readonly PageExtent[], ranges: readonly PageRange[]): PageExtent[] {
  const left: PageExtent[] = [];
  let at = 0;
  for (const extent of extents) {
    const end = extent.firstPage + extent.pages;
    let from = extent.firstPage;
    // What ends before this extent begins ends before all that follow, too.
    for (let range = ranges[at]; range !== undefined && endOf(range) <= from; range = ranges[at]) at++;
    for (let next = at; from < end; next++) {
      const range = ranges[next];
      if (range === undefined || range.firstPage >= end) {
        left.push(cut(extent, from, end));
        break;
      }
      if (range.firstPage > from) left.push(cut(extent, from, range.firstPage));
      from = endOf(range);
    }
  }
  return left;
}

function endOf({ firstPage, pages }: PageRange): number {
  return firstPage + pages;
}

function cut(extent: PageExtent, from: number, end: number): PageExtent {
  const filePage = extent.filePage + from - extent.firstPage;
  return { firstPage: from, pages: end - from, file: extent.file, filePage };
}

function merge(lower: readonly PageExtent[], upper: readonly PageExtent[]): readonly PageExtent[] {
  return join([...lower, ...upper].toSorted((a, b) => a.firstPage - b.firstPage));
}

/** Neighbours in memory that are neighbours in their file are one. */
function join(extents: readonly PageExtent[]): readonly PageExtent[] {
  const joined: PageExtent[] = [];
  for (const extent of extents) {
    const last = joined.at(-1);
    if (last !== undefined && continues(last, extent)) {
      joined[joined.length - 1] = { ...last, pages: last.pages + extent.pages };
    } else {
      joined.push(extent);
    }
  }
  return joined;
}

function continues(last: PageExtent, next: PageExtent): boolean {
  return (
    last.file === next.file && endOf(last) === next.firstPage && last.filePage + last.pages === next.filePage
  );
}

function prune(memoryPages: number, files: readonly string[], extents: readonly PageExtent[]): PageMap {
  const used = new Set(extents.map(({ file }) => file));
  if (used.size === files.length) return { memoryPages, files, extents };
  const places = new Map([...used].toSorted((a, b) => a - b).map((file, place) => [file, place]));
  return {
    memoryPages,
    files: files.filter((_, file) => used.has(file)),
    extents: extents.map((extent) => ({ ...extent, file: places.get(extent.file) ?? 0 })),
  };
}
