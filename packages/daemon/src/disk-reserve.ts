/**
 * Room that a daemon keeps for what frees a full disk: its own start, and the records of deletes. Either
 * needs but a few blocks, and a delete may free none, as that of a VM whose disk a snapshot shares. So a
 * file holds some, and gives them up in parts: the first that comes may well be a guest that waits for room.
 */
import { randomBytes } from "node:crypto";
import { open, stat, statfs, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError } from "@fastvm/contract";

const MIB = 1024 ** 2;
/** What a start writes: SQLite's log and index, its own name in the folder, what ready processes need. */
const PART_BYTES = 4 * MIB;
const PARTS = 4;
/** Below this launches are refused as well: the room is the VMs'. */
const KEPT_FREE_BYTES = 256 * MIB;
/** How often it is looked whether there is room again. */
const REFILL_EVERY_MS = 5000;

export class DiskReserve {
  readonly #dataDir: string;
  readonly #file: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#file = join(dataDir, "reserve");
  }

  /** Work that needs a little room: on a full disk it is given some, and tried again for as long as there is any left. */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    if ((await this.#freeBytes()) < PART_BYTES) await this.#giveUpPart();
    return await this.lendAtNeed(work);
  }

  /** The same for work that can be tried without it first, and does no harm where it fails. */
  async lendAtNeed<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isOutOfDisk(error) || !(await this.#giveUpPart())) throw error;
      }
    }
  }

  /** As much as it should be, if that leaves room for others. */
  async fill(): Promise<void> {
    const missing = PARTS * PART_BYTES - (await this.#bytes());
    if (missing <= 0 || (await this.#freeBytes()) < KEPT_FREE_BYTES + missing) return;
    await using file = await open(this.#file, "a", 0o600);
    // Nothing that a filesystem could make smaller.
    for (let left = missing; left > 0; left -= MIB) await file.writeFile(randomBytes(Math.min(left, MIB)));
  }

  /** Until the signal. */
  async keepFull(signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await this.fill().catch(onError);
      await sleep(REFILL_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** `false` when there is none. */
  async #giveUpPart(): Promise<boolean> {
    const bytes = await this.#bytes();
    if (bytes === 0) return false;
    await truncate(this.#file, Math.max(0, bytes - PART_BYTES));
    return true;
  }

  async #bytes(): Promise<number> {
    return (await stat(this.#file).catch(() => undefined))?.size ?? 0;
  }

  /** Plenty where there is no folder yet: a disk that cannot take one says so itself. */
  async #freeBytes(): Promise<number> {
    const found = await statfs(this.#dataDir).catch(() => undefined);
    return found === undefined ? Infinity : found.bavail * found.bsize;
  }
}

export function isOutOfDisk(error: unknown): boolean {
  if (error instanceof FastvmError) return error.code === "out_of_disk";
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}
