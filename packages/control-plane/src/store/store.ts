/** The control plane's records in SQLite or PostgreSQL. Opening a store brings its schema up to date. */
import { CamelCasePlugin, Kysely, sql, type Dialect } from "kysely";
import { migrate } from "./migrate.ts";
import { nodeSqliteDialect } from "./node-sqlite.ts";
import { postgresDialect } from "./postgres.ts";
import { recordsOf, type Records } from "./records.ts";
import type { Schema } from "./schema.ts";
import type { StoreKind } from "./store-kind.ts";

export interface Store extends Records {
  readonly kind: StoreKind;
  /** Runs `work` in one transaction. It may do SQL only: the transaction holds locks that others wait for. */
  transaction<T>(work: (records: Records) => Promise<T>): Promise<T>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The store in one SQLite file, which this process alone may own. `:memory:` for tests. */
export function openSqliteStore(path: string): Promise<Store> {
  return openStore("sqlite", nodeSqliteDialect(path));
}

export function openPostgresStore(url: string, onIdleError: (error: Error) => void): Promise<Store> {
  return openStore("postgres", postgresDialect(url, onIdleError));
}

async function openStore(kind: StoreKind, dialect: Dialect): Promise<Store> {
  const db = new Kysely<Schema>({ dialect, plugins: [new CamelCasePlugin()] });
  try {
    await migrate(db, kind);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    kind,
    ...recordsOf(db),
    transaction: (work) => db.transaction().execute((trx) => work(recordsOf(trx))),
    ping: async () => {
      await sql`select 1`.execute(db);
    },
    close: () => db.destroy(),
  };
}
