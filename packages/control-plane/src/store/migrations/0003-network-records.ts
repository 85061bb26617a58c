import type { Kysely } from "kysely";

/** Firewalls, services and SSH keys of VMs; what of these snapshots carry; SSH keys of organisations. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("vms").addColumn("firewall", "text").execute();
  await db.schema.alterTable("snapshots").addColumn("firewall", "text").execute();
  for (const table of ["vms", "snapshots"]) {
    await db.schema
      .alterTable(table)
      .addColumn("services", "text", (column) => column.notNull().defaultTo("[]"))
      .execute();
  }
  await db.schema
    .alterTable("vms")
    .addColumn("ssh_keys", "text", (column) => column.notNull().defaultTo("[]"))
    .execute();
  await db.schema
    .createTable("ssh_keys")
    .addColumn("fingerprint", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("public_key", "text", (column) => column.notNull())
    .addColumn("name", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("ssh_keys_by_org").on("ssh_keys").column("org_id").execute();
}
