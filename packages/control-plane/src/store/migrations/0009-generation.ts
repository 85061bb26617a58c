import type { Kysely } from "kysely";

/** Counts the lives of a VM. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("vms")
    .addColumn("generation", "integer", (column) => column.notNull().defaultTo(1))
    .execute();
}
