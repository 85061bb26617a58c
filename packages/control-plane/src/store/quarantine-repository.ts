/** What the worker has and no record knows: noted, and ended only by the operator or when it is old. */
import type { Kysely } from "kysely";
import type { QuarantineRow, Schema } from "./schema.ts";

export type QuarantineEntry = Readonly<QuarantineRow>;

/** What the worker has and no record knows. */
export class QuarantineRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Longest kept first. */
  async list(): Promise<QuarantineEntry[]> {
    return this.#db.selectFrom("quarantine").selectAll().orderBy("foundAt").orderBy("id").execute();
  }

  /** One that was there already keeps the instant at which it was found. */
  async put(entry: QuarantineEntry): Promise<void> {
    await this.#db
      .insertInto("quarantine")
      .values(entry)
      .onConflict((conflict) => conflict.column("id").doUpdateSet({ memoryMib: entry.memoryMib }))
      .execute();
  }

  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom("quarantine").where("id", "=", id).execute();
  }

  /** What those that run take, in MiB. */
  async memoryMib(): Promise<number> {
    const sum = await this.#db
      .selectFrom("quarantine")
      .select((eb) => eb.fn.sum<number | string | null>("memoryMib").as("memory"))
      .executeTakeFirstOrThrow();
    return Number(sum.memory);
  }
}
