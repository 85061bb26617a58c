/** Grants of URLs to machines' ports, digests of their tokens, and what a machine says of requests to its ports. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"]) {
    await db.schema
      .alterTable(table)
      .addColumn("private_traffic", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .alterTable(table)
      .addColumn("mask_host", "text", (column) => column.notNull().defaultTo(""))
      .execute();
  }
  await db.schema.alterTable("vms").addColumn("traffic_token_digest", "text").execute();
  await addGrants(db);
  await db.schema
    .createTable("preview_tokens")
    .addColumn("digest", "text", (column) => column.primaryKey())
    .addColumn("grant_id", "text", (column) =>
      column.notNull().references("preview_grants.id").onDelete("cascade"),
    )
    .addColumn("family", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("preview_tokens_by_grant").on("preview_tokens").column("grant_id").execute();
}

async function addGrants(db: Kysely<unknown>): Promise<void> {
  let table = db.schema
    .createTable("preview_grants")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("vm_id", "text", (column) => column.notNull().references("vms.id").onDelete("cascade"))
    .addColumn("port", "integer", (column) => column.notNull())
    .addColumn("transport", "text", (column) => column.notNull())
    .addColumn("kinds", "text", (column) => column.notNull())
    .addColumn("is_passing", "integer", (column) => column.notNull())
    .addColumn("principal_id", "text", (column) => column.notNull())
    .addColumn("issued_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addColumn("last_error_code", "text");
  for (const name of ["revoked_at", "first_used_at", "last_used_at", "last_error_at"])
    table = table.addColumn(name, "bigint");
  for (const name of ["requests", "web_sockets", "bytes_in", "bytes_out"])
    table = table.addColumn(name, "bigint", (column) => column.notNull().defaultTo(0));
  await table.execute();
  await db.schema.createIndex("preview_grants_by_vm").on("preview_grants").column("vm_id").execute();
}
