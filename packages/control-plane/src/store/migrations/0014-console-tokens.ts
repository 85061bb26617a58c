import type { Kysely } from "kysely";

/** Tokens that open a console, which any control plane of the records may be asked to. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("console_tokens")
    .addColumn("digest", "text", (column) => column.primaryKey())
    .addColumn("vm_id", "text", (column) => column.notNull().references("vms.id").onDelete("cascade"))
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("console_tokens_by_vm").on("console_tokens").column("vm_id").execute();
}
