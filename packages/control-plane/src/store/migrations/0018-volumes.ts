import type { Kysely } from "kysely";

/** What an organisation may have unless it was told otherwise: as the default of a new one. */
const MAX_VOLUMES = 1000;
const MAX_VOLUME_GIB = 65_536;

/** Volumes, what VMs and snapshots have of them, and how many an organisation may have. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("volumes")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("size_gib", "integer", (column) => column.notNull())
    .addColumn("pending_size_gib", "integer")
    .addColumn("access_mode", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("status_reason", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addUniqueConstraint("volumes_by_name", ["org_id", "name"])
    .execute();
  for (const table of ["vms", "snapshots"]) {
    await db.schema
      .alterTable(table)
      .addColumn("volumes", "text", (column) => column.notNull().defaultTo("[]"))
      .execute();
  }
  for (const [name, most] of [
    ["limit_volume_count", MAX_VOLUMES],
    ["limit_volume_gib", MAX_VOLUME_GIB],
  ] as const) {
    await db.schema
      .alterTable("organisations")
      .addColumn(name, "integer", (column) => column.notNull().defaultTo(most))
      .execute();
  }
}
