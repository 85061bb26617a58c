import type { Kysely } from "kysely";

/** Times to live: what was asked for, and when it ends (running) or what is left of it (paused). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("vms").addColumn("ttl_action", "text").execute();
  await db.schema.alterTable("vms").addColumn("ttl_seconds", "integer").execute();
  await db.schema.alterTable("vms").addColumn("ttl_remaining_ms", "bigint").execute();
  await db.schema.alterTable("vms").addColumn("expires_at", "bigint").execute();
  await db.schema.createIndex("vms_by_expiry").on("vms").column("expires_at").execute();
}
