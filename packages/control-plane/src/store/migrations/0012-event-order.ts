import { sql, type Kysely } from "kysely";

/**
 * Events are numbered within their organisation, by a counter that is taken in the transaction that makes the change. Numbers of
 * a sequence are given before the commit, so that a later one may be seen first, and who goes on after it never sees the other.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("event_counters")
    .addColumn("org_id", "text", (column) => column.primaryKey())
    .addColumn("last_id", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("numbered_events")
    .addColumn("org_id", "text", (column) => column.notNull())
    .addColumn("id", "bigint", (column) => column.notNull())
    .addColumn("subject_kind", "text", (column) => column.notNull())
    .addColumn("subject_id", "text", (column) => column.notNull())
    .addColumn("from_status", "text")
    .addColumn("to_status", "text")
    .addColumn("cause", "text", (column) => column.notNull())
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("detail", "text")
    .addColumn("at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("events_by_number", ["org_id", "id"])
    .execute();
  await sql`
    insert into numbered_events
    select org_id, row_number() over (partition by org_id order by id),
      subject_kind, subject_id, from_status, to_status, cause, actor, detail, at
    from events`.execute(db);
  await sql`insert into event_counters select org_id, max(id) from numbered_events group by org_id`.execute(
    db,
  );
  await db.schema.dropTable("events").execute();
  await db.schema.alterTable("numbered_events").renameTo("events").execute();
  await db.schema.createIndex("events_by_subject").on("events").columns(["subject_id", "id"]).execute();
}
