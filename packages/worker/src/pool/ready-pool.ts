/**
 * Things made ahead of time, so that a launch need not wait for them: a few are kept ready for each template that launches came for, and
 * made again when launches pause. What they are is told by who opens the pool: processes that wait for a device state, or whole VMs that
 * stand by. All together they stay within a bound of memory: the templates that were launched from last have theirs, and those that nobody
 * asked for in the longest time go without. Where launches find none more are kept, until a while has passed in which all found one.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Snapshot } from "../snapshot/folder.ts";
import { Demand } from "./demand.ts";

/** Refilling waits until no restore is under way for this long: on few cores it would slow the very launch it follows. */
const REFILL_QUIET_MS = 150;
/** As long as a user may think between two bursts of launches. */
const IDLE_MS = 60_000;

interface PoolOptions<T> {
  /** How many for each template, at least. */
  readonly size: number;
  /** How many where launches found none; default: never more than `size`. */
  readonly maxSize?: number | undefined;
  /** So long all must have found one before there are fewer again. */
  readonly idleMs?: number;
  /** For the items of all templates. */
  readonly memoryMib: number;
  /**
   * A file of a captured state: what is ready serves every state that has this file. Hard links of one file count as the same, so the base
   * memory of a template matches whatever descends from it, the device state only the template itself.
   */
  readonly servesByFile: string;
  readonly open: (template: Snapshot) => Promise<T>;
  readonly close: (item: T) => Promise<void>;
  /** Settles when an item has ended by itself while it waited. */
  readonly ended: (item: T) => Promise<unknown>;
  /** What an item takes of the host's memory. */
  readonly memoryMibOf: (item: T) => Promise<number>;
  readonly onError: (error: unknown) => void;
}

/** What is ready for one template. */
interface Shelf<T> {
  readonly template: Snapshot;
  readonly inode: number;
  readonly items: T[];
  readonly demand: Demand;
  /** What its last item took; 0 until there was one. */
  itemMib: number;
}

export class ReadyPool<T> {
  readonly #options: PoolOptions<T>;
  /** By the template's folder, which is named for its image and machine; the one that was asked for last is the last. */
  readonly #shelves = new Map<string, Shelf<T>>();
  #refillTimer: NodeJS.Timeout | undefined;
  #shrinkTimer: NodeJS.Timeout | undefined;
  #restores = 0;
  #filling: Promise<void> | undefined;
  #closed = false;

  constructor(options: PoolOptions<T>) {
    this.#options = options;
  }

  /** How many are ready now. */
  get ready(): number {
    return [...this.#shelves.values()].reduce((sum, { items }) => sum + items.length, 0);
  }

  /** Prefers the template, and fills the pool. Resolves when it is full, or when a restore came between. */
  async serve(template: Snapshot): Promise<void> {
    await this.prefer(template);
    await this.#fill();
  }

  /** From now on the template is the one that was asked for last: the next filling begins with it. */
  async prefer(template: Snapshot): Promise<void> {
    if (this.#options.size === 0) return;
    const inode = await this.#inodeOf(template);
    const { folder } = template;
    const { size, maxSize = size, idleMs = IDLE_MS } = this.#options;
    const bounds = { least: size, most: Math.max(size, maxSize), idleMs };
    const kept = this.#shelves.get(folder);
    const shelf = kept ?? { template, inode, items: [], demand: new Demand(bounds), itemMib: 0 };
    this.#shelves.delete(folder);
    this.#shelves.set(folder, shelf);
  }

  /** One that serves this captured state and runs its QEMU, now the caller's; `undefined` when there is none. */
  async take(snapshot: Snapshot): Promise<T | undefined> {
    const ofSameQemu = [...this.#shelves.values()].filter(
      ({ template }) => qemuOf(template) === qemuOf(snapshot),
    );
    if (ofSameQemu.length === 0) return undefined;
    const inode = await this.#inodeOf(snapshot);
    const serving = ofSameQemu.filter((shelf) => shelf.inode === inode);
    const item = serving.findLast(({ items }) => items.length > 0)?.items.shift();
    if (item === undefined) serving.at(-1)?.demand.miss();
    return item;
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
    clearTimeout(this.#shrinkTimer);
    await this.#filling;
    const items = [...this.#shelves.values()].flatMap((shelf) => shelf.items.splice(0));
    this.#shelves.clear();
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

  /** One after the other: two at once would each make what is missing. */
  async #fill(): Promise<void> {
    const before = this.#filling ?? Promise.resolve();
    this.#filling = before.then(() => this.#makeMissing()).catch(this.#options.onError);
    await this.#filling;
  }

  async #makeMissing(): Promise<void> {
    for (;;) {
      if (this.#closed || this.#restores > 0) return;
      const shares = this.#shares();
      await this.#giveUp(shares);
      const wanting = shares.find(({ shelf, count }) => shelf.items.length < count)?.shelf;
      if (wanting === undefined) return this.#shrinkLater();
      const item = await this.#options.open(wanting.template);
      wanting.items.push(item);
      void this.#options.ended(item).then(() => this.#forget(wanting, item));
      wanting.itemMib = await this.#options.memoryMibOf(item);
    }
  }

  #shrinkLater(): void {
    clearTimeout(this.#shrinkTimer);
    if (this.#closed || ![...this.#shelves.values()].some(({ demand }) => demand.isRaised)) return;
    this.#shrinkTimer = setTimeout(() => this.#refillSoon(), this.#options.idleMs ?? IDLE_MS);
    this.#shrinkTimer.unref();
  }

  /** How many items each template may have, the one that was asked for last first. */
  #shares(): readonly { readonly shelf: Shelf<T>; readonly count: number }[] {
    let leftMib = this.#options.memoryMib;
    const now = performance.now();
    return [...this.#shelves.values()].toReversed().map((shelf) => {
      // What an item takes is known when there has been one.
      const affordable = shelf.itemMib === 0 ? Infinity : Math.floor(leftMib / shelf.itemMib);
      const count = Math.min(shelf.demand.wanted(now), affordable);
      leftMib -= count * shelf.itemMib;
      return { shelf, count };
    });
  }

  /**
   * Ends what is beyond its template's share, and forgets templates that have none; the last one's, to know that a single item is too
   * large.
   */
  async #giveUp(shares: readonly { readonly shelf: Shelf<T>; readonly count: number }[]): Promise<void> {
    for (const [age, { shelf, count }] of shares.entries()) {
      const surplus = shelf.items.splice(count);
      if (count === 0 && age > 0) this.#shelves.delete(shelf.template.folder);
      await Promise.all(surplus.map((item) => this.#options.close(item)));
    }
  }

  /** It ended while it waited. */
  #forget(shelf: Shelf<T>, item: T): void {
    const at = shelf.items.indexOf(item);
    if (at < 0) return;
    shelf.items.splice(at, 1);
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
