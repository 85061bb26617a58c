import type { Kysely } from "kysely";

/** Secrets of organisations, sealed with a key that is not in the database; and who they are to registries of images. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("sealed_values")
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("purpose", "text", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("sealed", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("sealed_values_by_name", ["org_id", "purpose", "name"])
    .execute();
  await db.schema
    .createTable("registry_logins")
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("registry", "text", (column) => column.notNull())
    .addColumn("username", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("registry_logins_by_registry", ["org_id", "registry"])
    .execute();
}
