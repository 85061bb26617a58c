import type { Kysely } from "kysely";

/** Builds, and what those that have ended printed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("builds")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("name", "text")
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("source", "text", (column) => column.notNull())
    .addColumn("machine_name", "text", (column) => column.notNull())
    .addColumn("cpu", "integer", (column) => column.notNull())
    .addColumn("memory_mib", "integer", (column) => column.notNull())
    .addColumn("disk_gib", "integer", (column) => column.notNull())
    .addColumn("tag", "text")
    .addColumn("vm_id", "text", (column) => column.notNull())
    .addColumn("snapshot_id", "text", (column) => column.notNull())
    .addColumn("image_reference", "text")
    .addColumn("image_digest", "text")
    .addColumn("steps_ran", "integer")
    .addColumn("steps_cached", "integer")
    .addColumn("events", "text", (column) => column.notNull())
    .addColumn("error", "text")
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("started_at", "bigint")
    .addColumn("finished_at", "bigint")
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("builds_by_org").on("builds").columns(["org_id", "created_at"]).execute();
  await db.schema.createIndex("builds_by_status").on("builds").column("status").execute();
  await db.schema
    .createTable("build_logs")
    .addColumn("build_id", "text", (column) =>
      column.primaryKey().references("builds.id").onDelete("cascade"),
    )
    .addColumn("log", "text", (column) => column.notNull())
    .execute();
}
