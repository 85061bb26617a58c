import type { VmId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import type { ConsoleTokenRow, Schema } from "./schema.ts";

/** Digests of tokens that were issued and not used. They go with their VM. */
export class ConsoleTokenRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async add(token: ConsoleTokenRow): Promise<void> {
    await this.#db.insertInto("consoleTokens").values(token).execute();
  }

  /** Of several that ask for one token at once, one gets it. */
  async take(digest: string): Promise<ConsoleTokenRow | undefined> {
    return this.#db
      .deleteFrom("consoleTokens")
      .where("digest", "=", digest)
      .returningAll()
      .executeTakeFirst();
  }

  async removeExpired(now: number): Promise<void> {
    await this.#db.deleteFrom("consoleTokens").where("expiresAt", "<=", now).execute();
  }

  async keepNewest(vmId: VmId, count: number): Promise<void> {
    const kept = this.#db
      .selectFrom("consoleTokens")
      .select("digest")
      .where("vmId", "=", vmId)
      .orderBy("expiresAt", "desc")
      .limit(count);
    await this.#db
      .deleteFrom("consoleTokens")
      .where("vmId", "=", vmId)
      .where("digest", "not in", kept)
      .execute();
  }
}
