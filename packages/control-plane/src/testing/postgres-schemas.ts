/** Schemas of PostgreSQL, one for each store that a test opens, used again by the next; as a global setup, it drops them after the run. */
import { randomBytes } from "node:crypto";
import { Client } from "pg";

interface TestSchema extends AsyncDisposable {
  /** A URL that leads into it. */
  readonly location: string;
}

const SERVER_URL = process.env["FASTVM_TEST_POSTGRES_URL"] ?? "";

/** Migrated, empty, and nobody's: to make such a one and to drop it costs seven times what emptying it does. */
const free: TestSchema[] = [];

/** Nothing, where no server is given. */
export function onPostgres<Made>(make: (url: string) => Made): readonly Made[] {
  return SERVER_URL === "" ? [] : [make(SERVER_URL)];
}

interface LentSchema extends TestSchema {
  /** Nobody had it before, so whoever migrates it asks `assertNoRows`. */
  readonly isNew: boolean;
}

/** So that tests may run side by side. Disposed of, it is for the next. */
export async function lendSchema(url: string): Promise<LentSchema> {
  const known = free.pop();
  const schema = known ?? (await makeSchema(url));
  return {
    location: schema.location,
    isNew: known === undefined,
    [Symbol.asyncDispose]: async () => {
      await empty(schema.location).then(
        () => free.push(schema),
        // Only a superuser empties tables in whatever order.
        () => schema[Symbol.asyncDispose](),
      );
    },
  };
}

/** One that nobody has had, and nobody will. */
export async function makeSchema(url: string): Promise<TestSchema> {
  // The parent of all processes that run tests is the one that drops what they leave.
  const schema = `${prefixOf(process.ppid)}${randomBytes(6).toString("hex")}`;
  await execute(url, `create schema ${schema}`);
  const own = new URL(url);
  own.searchParams.set("options", `-c search_path=${schema}`);
  return {
    location: own.href,
    [Symbol.asyncDispose]: () => execute(url, `drop schema ${schema} cascade`),
  };
}

export async function teardown(): Promise<void> {
  if (SERVER_URL === "") return;
  const ours = `select nspname as name from pg_namespace where starts_with(nspname, '${prefixOf(process.pid)}')`;
  const drop = "execute format('drop schema %I cascade', known.name);";
  await execute(
    SERVER_URL,
    `do $$ declare known record; begin for known in ${ours} loop ${drop} end loop; end $$`,
  );
}

function prefixOf(pid: number): string {
  return `fastvm_test_${pid}_`;
}

/** Of a schema that has just been migrated. What a migration wrote, emptying takes away, and the next test's store would be another. */
export async function assertNoRows(location: string): Promise<void> {
  await execute(
    location,
    `do $$ declare known record; has_rows boolean; begin
      for known in select oid::regclass as name from pg_class
        where relnamespace = current_schema()::regnamespace and relkind = 'r' and relname not like 'kysely%'
      loop
        execute format('select exists (select from %s)', known.name) into has_rows;
        if has_rows then
          raise exception 'a migration writes rows into %: have schemas of tests keep them as they are emptied', known.name;
        end if;
      end loop;
    end $$`,
  );
}

async function empty(location: string): Promise<void> {
  await execute(
    location,
    `set lock_timeout = '5s'; set session_replication_role = replica;
    do $$ declare known record; begin
      for known in select oid::regclass as name, relkind from pg_class
        where relnamespace = current_schema()::regnamespace and relkind in ('r', 'S') and relname not like 'kysely%'
      loop
        if known.relkind = 'r' then execute format('delete from %s', known.name);
        else perform setval(known.name, 1, false);
        end if;
      end loop;
    end $$`,
  );
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
