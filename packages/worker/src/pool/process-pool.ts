/**
 * QEMU processes spawned ahead, with a template's base memory mapped: a launch that finds one skips the 50 ms that a process needs to start.
 * Anything captured from a VM of that template shares its base, so restores and forks find them useful too.
 */
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { MEMORY_FILE } from "../qemu/machine.ts";
import type { Accelerator } from "../qemu/machine.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import { closeSlot, openSlot } from "./slot.ts";
import type { Slot, SlotHost } from "./slot.ts";

/** Refilling waits until no restore is under way for this long: on few cores a spawn would slow the very launch it follows. */
const REFILL_QUIET_MS = 150;

export interface PoolOptions {
  readonly host: SlotHost;
  readonly accelerator: Accelerator;
  /** Slots live here until they are taken. */
  readonly folder: string;
  readonly size: number;
  readonly onError: (error: unknown) => void;
}

export class ProcessPool {
  readonly #options: PoolOptions;
  #base: { readonly snapshot: Snapshot; readonly inode: number } | undefined;
  #slots: Slot[] = [];
  #refillTimer: NodeJS.Timeout | undefined;
  #restores = 0;
  #filling: Promise<void> | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Slots ready now. */
  get ready(): number {
    return this.#slots.length;
  }

  /** Chooses the template whose base the pool maps, and fills it. Resolves when it is full, or when a restore came between. */
  async serve(template: Snapshot): Promise<void> {
    this.#base = { snapshot: template, inode: await baseInode(template) };
    await this.#fill();
  }

  /** A slot whose memory is the snapshot's base, or `undefined`. */
  async take(snapshot: Snapshot): Promise<Slot | undefined> {
    if (this.#base === undefined || this.#slots.length === 0) return undefined;
    if ((await baseInode(snapshot)) !== this.#base.inode) return undefined;
    return this.#slots.shift();
  }

  /** Keeps refilling back for as long as `restore` takes, whether it uses a slot or not. */
  async during<T>(restore: () => Promise<T>): Promise<T> {
    this.#restores++;
    clearTimeout(this.#refillTimer);
    try {
      return await restore();
    } finally {
      this.#restores--;
      this.#refillSoon();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#refillTimer);
    await this.#filling;
    const slots = this.#slots;
    this.#slots = [];
    await Promise.all(slots.map((slot) => closeSlot(this.#options.host, slot)));
  }

  #refillSoon(): void {
    clearTimeout(this.#refillTimer);
    if (this.#restores > 0 || this.#closed) return;
    this.#refillTimer = setTimeout(() => {
      this.#fill().catch(this.#options.onError);
    }, REFILL_QUIET_MS);
    this.#refillTimer.unref();
  }

  async #fill(): Promise<void> {
    await this.#filling;
    this.#filling = this.#spawnMissing().catch(this.#options.onError);
    await this.#filling;
  }

  async #spawnMissing(): Promise<void> {
    for (;;) {
      const isFull = this.#slots.length >= this.#options.size;
      if (this.#closed || this.#base === undefined || isFull || this.#restores > 0) return;
      const { snapshot } = this.#base;
      const slot = await openSlot(this.#options.host, {
        folder: join(this.#options.folder, randomUUID()),
        machine: { machine: snapshot.manifest.machine, accelerator: this.#options.accelerator },
        memory: join(snapshot.folder, MEMORY_FILE),
      });
      this.#slots.push(slot);
      void slot.qemu.qmp.closed.then(() => this.#forget(slot));
    }
  }

  /** A process that ended while it waited. */
  #forget(slot: Slot): void {
    const at = this.#slots.indexOf(slot);
    if (at < 0) return;
    this.#slots.splice(at, 1);
    closeSlot(this.#options.host, slot).catch(this.#options.onError);
    this.#refillSoon();
  }
}

/** Hard links of one base share an inode. */
async function baseInode(snapshot: Snapshot): Promise<number> {
  return (await stat(join(snapshot.folder, MEMORY_FILE))).ino;
}
