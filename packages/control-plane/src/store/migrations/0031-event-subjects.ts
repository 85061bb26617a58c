import type { Kysely } from "kysely";

/** Of what a VM was made, the code of what failed, and a VM's metadata when it happened: known of events from now on. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ["source_vm_id", "error_code", "metadata"]) {
    await db.schema.alterTable("events").addColumn(column, "text").execute();
  }
  await db.schema.createIndex("events_by_source").on("events").columns(["source_vm_id", "id"]).execute();
}
