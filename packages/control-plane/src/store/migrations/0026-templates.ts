/** Templates: names of an organisation's, and which of their builds each tag means. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("templates")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("templates_by_org").on("templates").column("org_id").execute();
  await db.schema
    .createTable("template_names")
    .addColumn("org_id", "text", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("template_id", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("template_names_key", ["org_id", "name"])
    .execute();
  await db.schema
    .createTable("template_builds")
    .addColumn("build_id", "text", (column) => column.primaryKey())
    .addColumn("template_id", "text", (column) => column.notNull())
    .addColumn("tag", "text", (column) => column.notNull())
    .addColumn("definition", "text", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("template_builds_by_template")
    .on("template_builds")
    .column("template_id")
    .execute();
  await db.schema
    .createTable("template_tags")
    .addColumn("template_id", "text", (column) => column.notNull())
    .addColumn("tag", "text", (column) => column.notNull())
    .addColumn("build_id", "text", (column) => column.notNull())
    .addColumn("promoted_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("template_tags_key", ["template_id", "tag"])
    .execute();
  for (const table of ["vms", "snapshots"]) {
    await db.schema
      .alterTable(table)
      .addColumn("template_ref", "text", (column) => column.notNull().defaultTo(""))
      .execute();
  }
}
