/** When a VM last ended. */
import { sql, type Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("vms").addColumn("ended_at", "bigint").execute();
  // As far as the history still has it.
  await sql`
    update vms set ended_at = (
      select max(at) from events where subject_id = vms.id and to_status in ('stopped', 'error')
    ) where status in ('stopped', 'error')
  `.execute(db);
}
