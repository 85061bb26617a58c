/** What is done to the root of a VM before its first boot. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("vms").addColumn("root_setup", "text").execute();
}
