/** What machines have beside VMs: a clock of activity, how long one may be idle or paused, a working directory; and keys of orders. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"]) {
    for (const name of ["inactivity_ms", "auto_delete_ms"]) {
      await db.schema
        .alterTable(table)
        .addColumn(name, "bigint", (column) => column.notNull().defaultTo(0))
        .execute();
    }
    await db.schema
      .alterTable(table)
      .addColumn("ephemeral", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
    for (const name of ["cwd", "template"]) {
      await db.schema
        .alterTable(table)
        .addColumn(name, "text", (column) => column.notNull().defaultTo(""))
        .execute();
    }
  }
  await db.schema.alterTable("vms").addColumn("started_at", "bigint").execute();
  await db.schema.alterTable("vms").addColumn("last_active_at", "bigint").execute();
  await db.schema
    .createTable("order_keys")
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("digest", "text", (column) => column.notNull())
    .addColumn("subject_id", "text", (column) => column.notNull())
    .addColumn("answer", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("order_keys_by_key", ["org_id", "key"])
    .execute();
  await db.schema.createIndex("order_keys_by_age").on("order_keys").column("created_at").execute();
}
