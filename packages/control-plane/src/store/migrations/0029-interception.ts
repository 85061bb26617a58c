/** How a VM's connections are intercepted, and its secrets, each sealed. */
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"]) {
    await db.schema.alterTable(table).addColumn("interception", "text").execute();
  }
}
