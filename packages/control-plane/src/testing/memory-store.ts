/** SQLite in memory with today's schema, without its history: that is gone through once for all stores of a process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { nodeSqliteDialect } from "../store/node-sqlite.ts";
import { openSqliteStore, openStore, type Store } from "../store/store.ts";

let schema: Promise<string> | undefined;

/** What each migration made, in SQL: thirty of them take 35 ms, and tests open thousands of stores. */
export function todaysSchema(): Promise<string> {
  schema ??= migratedOnce();
  return schema;
}

export async function openMemoryStore(): Promise<Store> {
  return openStore("sqlite", nodeSqliteDialect(":memory:", await todaysSchema()));
}

async function migratedOnce(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-schema-"));
  try {
    const path = join(folder, "store.db");
    await (await openSqliteStore(path)).close();
    using database = new DatabaseSync(path, { readOnly: true });
    return ["begin", ...makersOf(database), ...rowsOf(database), "commit"]
      .map((line) => `${line};`)
      .join("\n");
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Tables before their indexes and triggers, as they were made. */
function makersOf(database: DatabaseSync): readonly string[] {
  // What SQLite makes for itself it makes again.
  const made = database
    .prepare(
      "select sql from sqlite_master where sql is not null and name not like 'sqlite_%' order by rowid",
    )
    .all();
  return made.map(({ sql }) => String(sql));
}

/** Which migrations there were, and what they wrote. */
function rowsOf(database: DatabaseSync): readonly string[] {
  const tables = database
    .prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
    .all();
  return tables.flatMap(({ name }) => {
    const columns = database.prepare(`select name from pragma_table_info('${String(name)}')`).all();
    const quoted = columns.map((column) => `quote("${String(column["name"])}")`).join(" || ',' || ");
    const rows = database.prepare(`select ${quoted} as row from "${String(name)}"`).all();
    return rows.map(({ row }) => `insert into "${String(name)}" values (${String(row)})`);
  });
}
