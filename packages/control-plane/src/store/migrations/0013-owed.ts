import type { Kysely } from "kysely";

/** Parts of a VM's record that its worker is not known to have. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("owed")
    .addColumn("vm_id", "text", (column) => column.notNull().references("vms.id").onDelete("cascade"))
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("revision", "bigint", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("retry_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("owed_by_vm", ["vm_id", "kind"])
    .execute();
}
