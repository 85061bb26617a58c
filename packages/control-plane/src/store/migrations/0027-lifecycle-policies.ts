/** How long VMs live, and what becomes of them then and when nobody uses them. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"]) {
    await db.schema
      .alterTable(table)
      .addColumn("inactivity_action", "text", (column) => column.notNull().defaultTo(""))
      .execute();
    await db.schema
      .alterTable(table)
      .addColumn("guest_work_counts", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .alterTable(table)
      .addColumn("max_life_ms", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .alterTable(table)
      .addColumn("max_life_action", "text", (column) => column.notNull().defaultTo("pause"))
      .execute();
  }
  await db.schema.alterTable("vms").addColumn("life_ends_at", "bigint").execute();
}
