/**
 * Syncs SQLite's log behind commits that nobody waited for. A VM that is not strict can be started from its disk after a power cut: its
 * worker syncs that within seconds, and what knows of it must not be later.
 */
import { open } from "node:fs/promises";

/** Of many commits in a row one is synced for all, and before a worker has synced what it makes of the first. */
const SYNC_AFTER_MS = 250;

export class LateSync {
  readonly #log: string;
  #timer: NodeJS.Timeout | undefined;

  /** `path`: of the database. */
  constructor(path: string) {
    this.#log = `${path}-wal`;
  }

  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // The next commit that somebody waits for syncs the same file, and tells of it when that fails.
      void this.#sync().catch(() => undefined);
    }, SYNC_AFTER_MS).unref();
  }

  /** The database is closed, and synced with that. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #sync(): Promise<void> {
    await using log = await open(this.#log, "r");
    await log.datasync();
  }
}
