import type { Kysely } from "kysely";

/** Whether requests to a VM's services wake it, and what snapshots carry of that. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"]) {
    await db.schema
      .alterTable(table)
      .addColumn("auto_resume", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
  }
}
