/** What disks bear, and which VMs start by themselves, when. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"]) {
    await db.schema
      .alterTable(table)
      .addColumn("durability", "text", (column) => column.notNull().defaultTo("relaxed"))
      .execute();
    await db.schema
      .alterTable(table)
      .addColumn("restart_policy", "text", (column) => column.notNull().defaultTo("never"))
      .execute();
  }
  await db.schema.alterTable("vms").addColumn("restart_at", "bigint").execute();
  await db.schema
    .alterTable("vms")
    .addColumn("restart_count", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
}
