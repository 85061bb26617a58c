/** Labels of volumes and snapshots, and what a snapshot's files were when it was made. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["volumes", "snapshots"])
    await db.schema
      .alterTable(table)
      .addColumn("labels", "text", (column) => column.notNull().defaultTo("{}"))
      .execute();
  await db.schema.alterTable("snapshots").addColumn("integrity", "text").execute();
}
