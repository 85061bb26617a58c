/**
 * What a guest says of its free pages, in its own numbers, as ranges of its memory. It is a stranger's input: what is out of order or out
 * of its memory is refused. A guest that lies about pages that it has loses what is in them, in what is restored.
 */
import { PAGE_BYTES } from "./mapping.ts";
import type { PageRange } from "./page-map.ts";

/** As the agent, which names none that is shorter than eight pages. */
const MAX_RUNS = 262_144;
const RUN_BYTES = 8;
const GIB_PAGES = 1024 ** 3 / PAGE_BYTES;
/** A microvm has the first three GiB of its memory at 0, and all that is more from the fourth on. */
const LOW_PAGES = 3 * GIB_PAGES;
const HIGH_FRAME = 4 * GIB_PAGES;

export class FreePages {
  readonly #memoryPages: number;
  readonly #ranges: PageRange[] = [];
  #end = 0;

  constructor(memoryPages: number) {
    this.#memoryPages = memoryPages;
  }

  /** So far: in order, without overlap. */
  get ranges(): readonly PageRange[] {
    return this.#ranges;
  }

  /** Runs of the first's frame and of how many there are, u32 each. Throws a RangeError for what cannot be. */
  add(runs: Buffer): void {
    if (runs.length % RUN_BYTES !== 0) throw new RangeError("Half a run of pages");
    if (this.#ranges.length + runs.length / RUN_BYTES > MAX_RUNS)
      throw new RangeError("Too many runs of pages");
    for (let at = 0; at < runs.length; at += RUN_BYTES) {
      this.#addRun(runs.readUInt32LE(at), runs.readUInt32LE(at + 4));
    }
  }

  #addRun(frame: number, pages: number): void {
    const isHigh = frame >= HIGH_FRAME;
    const firstPage = isHigh ? frame - HIGH_FRAME + LOW_PAGES : frame;
    const limit = isHigh ? this.#memoryPages : Math.min(this.#memoryPages, LOW_PAGES);
    const end = firstPage + pages;
    if (pages === 0 || firstPage < this.#end || end > limit) {
      throw new RangeError(`A run of ${pages} pages from frame ${frame} on`);
    }
    this.#ranges.push({ firstPage, pages });
    this.#end = end;
  }
}
