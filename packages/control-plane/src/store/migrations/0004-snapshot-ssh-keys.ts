import type { Kysely } from "kysely";

/** The captured VM's own SSH keys, so that what is restored can be logged in to as the source could. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("snapshots")
    .addColumn("ssh_keys", "text", (column) => column.notNull().defaultTo("[]"))
    .execute();
}
