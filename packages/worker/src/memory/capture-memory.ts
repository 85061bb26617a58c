/**
 * The memory's part of a capture. While the guest runs, pages that were written are copied and protected again, round after round, until
 * few are written meanwhile; inside the pause only those few are left. What is protected is copied afterwards, so a page that is written
 * in between is copied once more.
 *
 * What a guest names as free pages can be left out, as nobody knows what is in them: they are then the base's. It is asked once pages are
 * protected: one that it named and wrote since is found again by the rounds that follow.
 *
 * Where the kernel does not track writes there are no rounds, and all that is private to the process is copied inside the pause.
 */
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";
import { findMemoryMapping, PAGE_BYTES } from "./mapping.ts";
import type { MemoryMapping } from "./mapping.ts";
import { countPages, overlay, without } from "./page-map.ts";
import type { FileExtent, PageMap, PageRange } from "./page-map.ts";
import { memoryOf } from "./pages-helper.ts";
import type { Scanned } from "./pages-answer.ts";
import type { PagesHelper, Wanted } from "./pages-helper.ts";
import { makePageFile, mappedIn, pageFile, PAGES_FOLDER } from "./vm-memory.ts";
import type { VmMemory } from "./vm-memory.ts";

/** What may be left for the pause: two milliseconds of copying. */
const SMALL_ROUND_BYTES = 4 * 1024 * 1024;
/** A guest that writes without end writes as much in each later round as in the third. */
const MAX_ROUNDS = 3;

export interface MemoryCopier {
  readonly helper: PagesHelper;
  /** Whether the kernel tracks writes to memory that was registered for it. */
  readonly tracksWrites: boolean;
}

interface CaptureSource {
  readonly pid: number;
  /** The VM's. */
  readonly folder: string;
  /** The base, in the folder. */
  readonly memoryFile: string;
  readonly memory: VmMemory;
}

/** Pages that the guest had free at some time after the call, in order and without overlap; `undefined`: it does not say. */
type FindFree = () => Promise<readonly PageRange[] | undefined>;

export interface CapturedMemory {
  readonly map: PageMap;
  /** Free pages that had been captured, or would have been. Absent: no guest was asked, or it did not say. */
  readonly leftOutBytes?: number;
  /** Memory that was copied, some of it more than once. */
  readonly copiedBytes: number;
  /** How the pages were told that had to be copied. */
  readonly tracking: Tracking;
}

/** `writes`: those that were written since the last capture. `none`: all that are private to the process. */
export type Tracking = "writes" | "none";

export class MemoryCapture {
  readonly #copier: MemoryCopier;
  readonly #source: CaptureSource;
  readonly #mapping: MemoryMapping;
  readonly #name = randomUUID();
  #map: PageMap;
  /** What the next round looks for. */
  #wanted: Wanted;
  #isTracked: boolean;
  #filePage = 0;
  #copiedPages = 0;
  #leftOutPages: number | undefined;
  /** Where the last pages are: entered once the guest runs again. */
  #last: readonly FileExtent[] = [];

  /** Copies nothing yet. */
  static async begin(copier: MemoryCopier, source: CaptureSource): Promise<MemoryCapture> {
    const { pid, folder, memoryFile, memory } = source;
    const mapping = await findMemoryMapping(pid, memoryFile, mappedIn(folder, memory.spawned));
    // A VM that an earlier version started has none.
    await mkdir(join(folder, PAGES_FOLDER), { recursive: true });
    return new MemoryCapture(copier, source, mapping);
  }

  private constructor(copier: MemoryCopier, source: CaptureSource, mapping: MemoryMapping) {
    this.#copier = copier;
    this.#source = source;
    this.#mapping = mapping;
    this.#isTracked = copier.tracksWrites;
    const { captured, spawned } = source.memory;
    this.#map = captured ?? spawned;
    this.#wanted = captured === undefined ? "private" : "written";
  }

  /** The rounds before the pause. */
  async copyWhileRunning(findFree?: FindFree): Promise<void> {
    await this.#source.memory.forget(this.#source.folder);
    await step("capture.memory-forgotten");
    if (this.#isTracked) await this.#rounds(findFree);
    await step("capture.rounds-over");
  }

  async #rounds(findFree: FindFree | undefined): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      try {
        if (round === 0 && findFree !== undefined) await this.#copyUsed(findFree);
        const { pages, extents } = await this.#copy({ protect: true });
        this.#map = overlay(this.#map, this.#name, extents);
        this.#wanted = "written";
        if (pages * PAGE_BYTES <= SMALL_ROUND_BYTES) return;
      } catch (error) {
        // Its QEMU was started without tracking: by an earlier version, or on a kernel that could not.
        if (round > 0 || !isErrno(error, "EPERM")) throw error;
        this.#isTracked = false;
        this.#map = this.#source.memory.spawned;
        this.#leftOutPages = undefined;
        return;
      }
    }
  }

  /** A round that leaves out what is free, and so cannot copy before it has asked. */
  async #copyUsed(findFree: FindFree): Promise<void> {
    const { helper } = this.#copier;
    const { pid, folder } = this.#source;
    const request = { pid, mapping: this.#mapping, wanted: this.#wanted };
    const { extents } = await helper.scan({ ...request, protect: true });
    this.#wanted = "written";
    const free = await findFree();
    const all = overlay(this.#map, this.#name, extents);
    const used = without(all, free ?? []);
    if (free !== undefined) this.#leftOutPages = countPages(all.extents) - countPages(used.extents);
    const own = used.files.indexOf(this.#name);
    const copied = used.extents.filter(({ file }) => file === own);
    // Without gaps: they would pass for pages that are dead.
    const places = placesOf(copied);
    this.#filePage = this.#copiedPages = countPages(copied);
    await helper.copy({
      from: memoryOf(pid),
      baseFrom: this.#mapping.address,
      to: await makePageFile(folder, this.#name, this.#filePage),
      base: 0,
      sparse: true,
      extents: copied.map(({ firstPage, pages }, at) => ({
        firstPage: places[at] ?? 0,
        pages,
        filePage: firstPage,
      })),
    });
    const placed = copied.map((extent, at) => ({ ...extent, filePage: places[at] ?? 0 }));
    this.#map = overlay(used, this.#name, placed);
    await step("capture.round-copied");
  }

  /** The guest stands still. */
  async copyLast(): Promise<void> {
    if (!this.#isTracked) this.#wanted = this.#copier.tracksWrites ? "private" : "private by entry";
    this.#last = (await this.#copy({ protect: this.#isTracked })).extents;
  }

  async #copy({ protect }: { readonly protect: boolean }): Promise<Scanned> {
    const { pid, folder } = this.#source;
    const to = { path: pageFile(folder, this.#name), filePage: this.#filePage };
    const scanned = await this.#copier.helper.scan({
      pid,
      mapping: this.#mapping,
      wanted: this.#wanted,
      protect,
      to,
    });
    this.#filePage = scanned.filePage;
    this.#copiedPages += scanned.pages;
    await step("capture.round-copied");
    return scanned;
  }

  /** The guest may have gone on: what it writes from the last round on is for the next capture. */
  async settle(): Promise<CapturedMemory> {
    const { folder, memory } = this.#source;
    this.#map = overlay(this.#map, this.#name, this.#last);
    if (this.#isTracked) await memory.remember(folder, this.#map);
    await step("capture.memory-remembered");
    return {
      map: this.#map,
      copiedBytes: this.#copiedPages * PAGE_BYTES,
      ...(this.#leftOutPages !== undefined && { leftOutBytes: this.#leftOutPages * PAGE_BYTES }),
      tracking: this.#isTracked ? "writes" : "none",
    };
  }
}

/** Where in a file ranges begin that follow each other in it. */
function placesOf(ranges: readonly PageRange[]): readonly number[] {
  let next = 0;
  return ranges.map(({ pages }) => {
    const place = next;
    next += pages;
    return place;
  });
}
