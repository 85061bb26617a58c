import type { Kysely } from "kysely";

/** The address that a worker gave a VM. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("vms").addColumn("public_ipv6", "text").execute();
}
