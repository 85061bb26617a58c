/**
 * Things made ahead of time, so that a launch need not wait for them: a few are kept ready for one template, and made again when launches
 * pause. What they are is told by who opens the pool: processes that wait for a device state, or whole VMs that stand by.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Snapshot } from "../snapshot/folder.ts";

/** Refilling waits until no restore is under way for this long: on few cores it would slow the very launch it follows. */
const REFILL_QUIET_MS = 150;

interface PoolOptions<T> {
  readonly size: number;
  /**
   * A file of a captured state: what is ready serves every state that has this file. Hard links of one file count as the
   * same, so the base memory of a template matches whatever descends from it, the device state only the template itself.
   */
  readonly servesByFile: string;
  readonly open: (template: Snapshot) => Promise<T>;
  readonly close: (item: T) => Promise<void>;
  /** Settles when an item has ended by itself while it waited. */
  readonly ended: (item: T) => Promise<unknown>;
  readonly onError: (error: unknown) => void;
}

export class ReadyPool<T> {
  readonly #options: PoolOptions<T>;
  #base: { readonly snapshot: Snapshot; readonly inode: number } | undefined;
  #items: T[] = [];
  #refillTimer: NodeJS.Timeout | undefined;
  #restores = 0;
  #filling: Promise<void> | undefined;
  #closed = false;

  constructor(options: PoolOptions<T>) {
    this.#options = options;
  }

  /** How many are ready now. */
  get ready(): number {
    return this.#items.length;
  }

  /** Chooses the template to be ready for, and fills the pool. Resolves when it is full, or when a restore came between. */
  async serve(template: Snapshot): Promise<void> {
    this.#base = { snapshot: template, inode: await this.#inodeOf(template) };
    await this.#fill();
  }

  /** One that serves this captured state and runs its QEMU, now the caller's; `undefined` when there is none. */
  async take(snapshot: Snapshot): Promise<T | undefined> {
    if (this.#base === undefined || this.#items.length === 0) return undefined;
    if (qemuOf(snapshot) !== qemuOf(this.#base.snapshot)) return undefined;
    if ((await this.#inodeOf(snapshot)) !== this.#base.inode) return undefined;
    return this.#items.shift();
  }

  /** Keeps refilling back for as long as `restore` takes, whether it uses an item or not. */
  async during<R>(restore: () => Promise<R>): Promise<R> {
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
    const items = this.#items;
    this.#items = [];
    await Promise.all(items.map((item) => this.#options.close(item)));
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
      const isFull = this.#items.length >= this.#options.size;
      if (this.#closed || this.#base === undefined || isFull || this.#restores > 0) return;
      const item = await this.#options.open(this.#base.snapshot);
      this.#items.push(item);
      void this.#options.ended(item).then(() => this.#forget(item));
    }
  }

  /** It ended while it waited. */
  #forget(item: T): void {
    const at = this.#items.indexOf(item);
    if (at < 0) return;
    this.#items.splice(at, 1);
    this.#options.close(item).catch(this.#options.onError);
    this.#refillSoon();
  }

  async #inodeOf(snapshot: Snapshot): Promise<number> {
    return (await stat(join(snapshot.folder, this.#options.servesByFile))).ino;
  }
}

function qemuOf({ manifest }: Snapshot): string {
  return manifest.compatibility.qemu.digest;
}
