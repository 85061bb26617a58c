/**
 * The memory's part of a capture. While the guest runs, pages that were written are copied and protected again, round after round, until
 * few are written meanwhile; inside the pause only those few are left. What is protected is copied afterwards, so a page that is written
 * in between is copied once more.
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
import { overlay } from "./page-map.ts";
import type { FileExtent, PageMap } from "./page-map.ts";
import type { PagesHelper, Scanned, Wanted } from "./pages-helper.ts";
import { mappedIn, pageFile, PAGES_FOLDER } from "./vm-memory.ts";
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

export interface CapturedMemory {
  readonly map: PageMap;
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
  async copyWhileRunning(): Promise<void> {
    await this.#source.memory.forget(this.#source.folder);
    await step("capture.memory-forgotten");
    if (this.#isTracked) await this.#rounds();
    await step("capture.rounds-over");
  }

  async #rounds(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      try {
        const { pages, extents } = await this.#copy({ protect: true });
        this.#map = overlay(this.#map, this.#name, extents);
        this.#wanted = "written";
        if (pages * PAGE_BYTES <= SMALL_ROUND_BYTES) return;
      } catch (error) {
        // Its QEMU was started without tracking: by an earlier version, or on a kernel that could not.
        if (round > 0 || !isErrno(error, "EPERM")) throw error;
        this.#isTracked = false;
        this.#map = this.#source.memory.spawned;
        return;
      }
    }
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
      tracking: this.#isTracked ? "writes" : "none",
    };
  }
}
