import type { Kysely } from "kysely";

/** Machines that an organisation has ready, and which VMs those are. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("warm_pools")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("template", "text", (column) => column.notNull())
    .addColumn("machine_name", "text", (column) => column.notNull())
    .addColumn("cpu", "integer", (column) => column.notNull())
    .addColumn("memory_mib", "integer", (column) => column.notNull())
    .addColumn("disk_gib", "integer", (column) => column.notNull())
    .addColumn("min_ready", "integer", (column) => column.notNull())
    .addColumn("max_ready", "integer", (column) => column.notNull())
    .addColumn("checkout_mode", "text", (column) => column.notNull())
    .addColumn("is_tracking", "integer", (column) => column.notNull())
    .addColumn("stale_after_ms", "bigint")
    .addColumn("labels", "text", (column) => column.notNull())
    .addColumn("metadata", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("generation", "integer", (column) => column.notNull())
    .addColumn("resolved", "text")
    .addColumn("previous_resolved", "text")
    .addColumn("condition", "text")
    .addColumn("condition_detail", "text")
    .addColumn("hits", "integer", (column) => column.notNull())
    .addColumn("failures", "integer", (column) => column.notNull())
    .addColumn("expired", "integer", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addColumn("enabled_at", "bigint")
    .addColumn("disabled_at", "bigint")
    .addColumn("drain_requested_at", "bigint")
    .addColumn("reconciled_at", "bigint")
    .execute();
  await db.schema.createIndex("warm_pools_by_org").on("warm_pools").column("org_id").execute();
  await db.schema.alterTable("vms").addColumn("pool_id", "text").execute();
  await db.schema.alterTable("vms").addColumn("pool_generation", "integer").execute();
  await db.schema.createIndex("vms_by_pool").on("vms").column("pool_id").execute();
}
