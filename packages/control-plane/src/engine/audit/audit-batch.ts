/**
 * Entries of the audit on their way into the database: one after the other in the order in which they were given, and as many in one
 * transaction as wait.
 */
import type { AuditEntry } from "../../store/audit-repository.ts";
import type { Parts } from "../context.ts";
import { isDatabaseFailure } from "../reconcile/owed.ts";

/** What the end of a process may take along, of entries that nobody waits for. */
const WAITS_MS = 50;
/** In one statement, which SQLite bounds by its parameters. */
const MAX_AT_ONCE = 500;

export class AuditBatch {
  readonly #ctx: Parts<"log" | "store">;
  #waiting: AuditEntry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(ctx: Parts<"log" | "store">) {
    this.#ctx = ctx;
  }

  /** Is written soon. */
  add(entry: AuditEntry): void {
    this.#waiting.push(entry);
    if (this.#isClosed) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), WAITS_MS).unref();
  }

  /** Resolves when all that was added is written, or the log says what is not. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length > 0) this.#writing = this.#writing.then(() => this.#writeWaiting());
    return this.#writing;
  }

  /** From now on nothing waits. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.flush();
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#waiting.splice(0, MAX_AT_ONCE);
      try {
        await this.#write(entries);
      } catch (error) {
        if (isDatabaseFailure(error)) this.#complain(entries, error);
        else await this.#writeEach(entries);
      }
    }
  }

  /** One may be of an organisation that is gone, and the others are not to go with it. */
  async #writeEach(entries: readonly AuditEntry[]): Promise<void> {
    for (const [index, entry] of entries.entries()) {
      try {
        await this.#write([entry]);
      } catch (error) {
        // Each would wait for the database anew, and whoever waits for them would wait for all.
        if (isDatabaseFailure(error)) return this.#complain(entries.slice(index), error);
        this.#complain([entry], error);
      }
    }
  }

  /** Not waited for by the disk: a loss of power may take the last of them along, never the change itself. */
  #write(entries: readonly AuditEntry[]): Promise<void> {
    const byOrganisation = Map.groupBy(entries, ({ orgId }) => orgId);
    return this.#ctx.store.transaction(async ({ audit }) => {
      for (const [orgId, its] of byOrganisation) await audit.append(orgId, its);
    }, "process");
  }

  #complain(entries: readonly AuditEntry[], error: unknown): void {
    const operations = [...new Set(entries.map(({ operation }) => operation))];
    this.#ctx.log.error({ err: error, operations }, "changes were not written into the audit");
  }
}
