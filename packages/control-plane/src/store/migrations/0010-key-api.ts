import type { Kysely } from "kysely";

/** Which API a key is for. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("api_keys")
    .addColumn("api", "text", (column) => column.notNull().defaultTo("fastvm"))
    .execute();
}
