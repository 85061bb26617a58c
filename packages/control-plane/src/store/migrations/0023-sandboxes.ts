import type { Kysely } from "kysely";

/** VMs under names that are unique, with the specification in which each was asked for; one that never ran has no VM yet. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("sandboxes")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("slug", "text", (column) => column.notNull())
    .addColumn("labels", "text", (column) => column.notNull())
    .addColumn("written", "text", (column) => column.notNull())
    .addColumn("vm_id", "text", (column) => column.references("vms.id").onDelete("cascade"))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("sandboxes_by_name")
    .on("sandboxes")
    .columns(["org_id", "name"])
    .unique()
    .execute();
  await db.schema.createIndex("sandboxes_by_vm").on("sandboxes").column("vm_id").execute();
}
