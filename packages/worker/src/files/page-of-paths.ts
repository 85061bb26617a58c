/** The first of many entries in the order of their paths, which come in none: a folder's order is its filesystem's own. */
import type { FileInfo, FileListing } from "@fastvm/contract";

export class PageOfPaths {
  readonly #limit: number;
  readonly #after: string | undefined;
  #entries: FileInfo[] = [];
  #hasMore = false;

  constructor(limit: number, after: string | undefined) {
    this.#limit = limit;
    this.#after = after;
  }

  add(entry: FileInfo): void {
    if (this.#after !== undefined && entry.path <= this.#after) return;
    this.#entries.push(entry);
    // Twice a page at most is kept, and each entry is sorted a few times, however many come.
    if (this.#entries.length > this.#limit * 2) this.#cut();
  }

  listing(): FileListing {
    this.#cut();
    return { entries: this.#entries, hasMore: this.#hasMore };
  }

  #cut(): void {
    this.#entries.sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#hasMore ||= this.#entries.length > this.#limit;
    this.#entries = this.#entries.slice(0, this.#limit);
  }
}
