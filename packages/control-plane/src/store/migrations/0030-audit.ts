import type { Kysely } from "kysely";

/** Who changed what, and who tried to, numbered within each organisation. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("audit_entries")
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("id", "bigint", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("key_id", "text", (column) => column.notNull())
    .addColumn("address", "text", (column) => column.notNull())
    .addColumn("request_id", "text", (column) => column.notNull())
    .addColumn("api", "text", (column) => column.notNull())
    .addColumn("operation", "text", (column) => column.notNull())
    .addColumn("method", "text", (column) => column.notNull())
    .addColumn("path", "text", (column) => column.notNull())
    .addColumn("status", "integer", (column) => column.notNull())
    .addColumn("subject", "text")
    .addColumn("before", "text")
    .addColumn("after", "text")
    .addPrimaryKeyConstraint("audit_entries_key", ["org_id", "id"])
    .execute();
  await db.schema
    .createIndex("audit_entries_by_subject")
    .on("audit_entries")
    .columns(["org_id", "subject"])
    .execute();
  await db.schema
    .createTable("audit_counters")
    .addColumn("org_id", "text", (column) => column.primaryKey().references("organisations.id"))
    .addColumn("last_id", "bigint", (column) => column.notNull())
    .execute();
}
