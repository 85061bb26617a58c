/** A user id of its own for each QEMU, so that one that was taken over by its guest cannot touch another's files or process. */

const UIDS = 65_536;

export class UidAllocator {
  readonly #base: number;
  readonly #taken = new Set<number>();
  #next = 0;

  constructor(base: number) {
    this.#base = base;
  }

  /** Ids go round, so that a freed one rests before it is used again. */
  take(): number {
    for (let tried = 0; tried < UIDS; tried++) {
      const uid = this.#base + this.#next;
      this.#next = (this.#next + 1) % UIDS;
      if (!this.#taken.has(uid)) {
        this.#taken.add(uid);
        return uid;
      }
    }
    throw new Error("No user id is free for another VM");
  }

  /** Marks an id that an adopted VM holds. */
  reserve(uid: number): void {
    this.#taken.add(uid);
  }

  release(uid: number): void {
    this.#taken.delete(uid);
  }
}
