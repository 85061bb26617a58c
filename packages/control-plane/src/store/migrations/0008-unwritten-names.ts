import { sql, type Kysely } from "kysely";

/**
 * As every policy had it, whoever wrote it. Quotation marks in a text of the policy would
 * stand behind a backslash, so nothing else reads like it.
 */
const EVERY_NAME = ',"dns":{"mode":"deny","domains":[],"blockBypass":false}';

/**
 * Firewalls no longer have a `dns` that nobody wrote: which names resolve then follows from egress.
 * Who wrote just what was filled in cannot be told from who wrote nothing, and is taken for the
 * latter: it makes a difference where egress denies, which is where names carried out what it stops.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["vms", "snapshots"] as const) {
    await sql`update ${sql.table(table)} set firewall = replace(firewall, ${EVERY_NAME}, '') where firewall is not null`.execute(
      db,
    );
  }
}
