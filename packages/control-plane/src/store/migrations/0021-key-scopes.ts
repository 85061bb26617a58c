import { sql, type Kysely } from "kysely";

/** What a key may do, until when, how often, and when it last did. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  // Keys of before could do all that there was, which is `manage` now.
  await schema
    .alterTable("api_keys")
    .addColumn("scopes", "text", (column) => column.notNull().defaultTo("manage"))
    .execute();
  await schema.alterTable("api_keys").addColumn("name", "text").execute();
  await schema.alterTable("api_keys").addColumn("expires_at", "bigint").execute();
  await schema.alterTable("api_keys").addColumn("last_used_at", "bigint").execute();
  await schema.alterTable("api_keys").addColumn("requests_per_minute", "integer").execute();
  // The first is the one that the daemon made for its owner.
  await sql`update api_keys set scopes = 'admin' where id = (select id from api_keys order by created_at, id limit 1)`.execute(
    db,
  );
}
