/**
 * Which pages of a VM differ from its memory file. The file is mapped privately, so the kernel keeps the list for us: a page
 * that was written is anonymous, in memory or in swap; all others are the file's. See Documentation/admin-guide/mm/pagemap.rst.
 */
import { open } from "node:fs/promises";
import { PAGE_BYTES } from "./mapping.ts";
import type { MemoryMapping } from "./mapping.ts";

/** Consecutive pages. */
export interface PageRange {
  readonly firstPage: number;
  readonly pages: number;
}

const ENTRY_BYTES = 8;
/** Entries read at once: 1 GiB of guest memory, 2 MiB of page map. */
const WINDOW_PAGES = 262_144;

/** Flags in the high half of a 64-bit entry. */
const PRESENT = 0x8000_0000;
const SWAPPED = 0x4000_0000;
const FILE_BACKED = 0x2000_0000;

/**
 * Clean pages up to this many between two dirty ranges are copied along: one system call costs as much as copying a few pages,
 * and a clean page holds what the base holds.
 */
const MERGE_GAP_PAGES = 4;

export async function findDirtyPages(pid: number, mapping: MemoryMapping): Promise<readonly PageRange[]> {
  await using pagemap = await open(`/proc/${pid}/pagemap`, "r");
  const collector = new RangeCollector();
  const firstEntry = mapping.address / PAGE_BYTES;
  const totalPages = mapping.bytes / PAGE_BYTES;
  const window = new Uint32Array(Math.min(WINDOW_PAGES, totalPages) * 2);
  for (let page = 0; page < totalPages; page += WINDOW_PAGES) {
    const pages = Math.min(WINDOW_PAGES, totalPages - page);
    const bytes = pages * ENTRY_BYTES;
    const { bytesRead } = await pagemap.read(
      new Uint8Array(window.buffer),
      0,
      bytes,
      (firstEntry + page) * ENTRY_BYTES,
    );
    if (bytesRead !== bytes) throw new Error(`The page map of process ${pid} ended early`);
    scanWindow(window, pages, page, collector);
  }
  return collector.finish();
}

function scanWindow(window: Uint32Array, pages: number, firstPage: number, into: RangeCollector): void {
  for (let index = 0; index < pages; index++) {
    const flags = window[index * 2 + 1] ?? 0;
    if ((flags & (PRESENT | SWAPPED)) !== 0 && (flags & FILE_BACKED) === 0) into.add(firstPage + index);
  }
}

class RangeCollector {
  readonly #ranges: PageRange[] = [];
  #first = -1;
  #end = -1;

  add(page: number): void {
    if (this.#first >= 0 && page <= this.#end + MERGE_GAP_PAGES) {
      this.#end = page + 1;
      return;
    }
    this.#flush();
    this.#first = page;
    this.#end = page + 1;
  }

  finish(): readonly PageRange[] {
    this.#flush();
    return this.#ranges;
  }

  #flush(): void {
    if (this.#first >= 0) this.#ranges.push({ firstPage: this.#first, pages: this.#end - this.#first });
  }
}

export function countBytes(ranges: readonly PageRange[]): number {
  return ranges.reduce((sum, range) => sum + range.pages * PAGE_BYTES, 0);
}
