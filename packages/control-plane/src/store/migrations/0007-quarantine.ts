import type { Kysely } from "kysely";

/** What the worker has and no record knows, since when, and what it takes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("quarantine")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("found_at", "bigint", (column) => column.notNull())
    .addColumn("memory_mib", "integer", (column) => column.notNull())
    .execute();
}
