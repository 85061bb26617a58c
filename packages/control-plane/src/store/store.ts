/** The control plane's records in SQLite or PostgreSQL. Opening a store brings its schema up to date. */
import { step } from "@fastvm/contract";
import type { VmId } from "@fastvm/contract";
import { CamelCasePlugin, Kysely, sql, type Dialect } from "kysely";
import { asStoreFailure, tellingFailures } from "./failures.ts";
import { migrate } from "./migrate.ts";
import { nodeSqliteDialect } from "./node-sqlite.ts";
import { postgresDialect } from "./postgres.ts";
import { recordsOf, type Records } from "./records.ts";
import type { Schema } from "./schema.ts";
import type { StoreKind } from "./store-kind.ts";
import { VmChangeNotices, type VmChangeListener } from "./vm-changes.ts";

/**
 * What a committed transaction survives. `power`: the loss of power. `process`: the end of this process only, which saves waiting for the
 * disk (4 ms and more) and is enough for what a loss of power ends anyway: a running VM, a change that is not finished. That is so in SQLite. PostgreSQL may end
 * while we and the VMs go on, and forgets what it has not flushed: there every commit is waited for.
 */
export type Durability = "power" | "process";

export interface Store extends Records {
  readonly kind: StoreKind;
  /** Runs `work` in one transaction, by default durable. It may do SQL only: the transaction holds locks that others wait for. */
  transaction<T>(work: (records: Records) => Promise<T>, durability?: Durability): Promise<T>;
  /** Calls back for each VM that this process has changed, after the commit; returns the function that ends the subscription. */
  onVmChange(listener: VmChangeListener): () => void;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The store in one SQLite file, which this process alone may own. `:memory:` for tests. */
export async function openSqliteStore(path: string): Promise<Store> {
  return openStore("sqlite", sqliteAt(path));
}

/** It opens the file at once. */
function sqliteAt(path: string): Dialect {
  try {
    return nodeSqliteDialect(path);
  } catch (error) {
    throw asStoreFailure(error);
  }
}

export function openPostgresStore(url: string, onIdleError: (error: Error) => void): Promise<Store> {
  return openStore("postgres", postgresDialect(url, onIdleError));
}

/** Whatever fails in the database fails with an error of the catalogue, unless it is a bug. */
export async function openStore(kind: StoreKind, dialect: Dialect): Promise<Store> {
  const db = new Kysely<Schema>({ dialect: tellingFailures(dialect), plugins: [new CamelCasePlugin()] });
  try {
    await migrate(db, kind);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const notices = new VmChangeNotices();
  return {
    kind,
    ...recordsOf(db, (vmId) => notices.tell([vmId])),
    transaction: async (work, durability = "power") => {
      const changed = new Set<VmId>();
      const inTransaction = async (trx: Kysely<Schema>) => {
        const worked = await work(recordsOf(trx, (vmId) => changed.add(vmId)));
        await step("transaction.worked");
        return worked;
      };
      await step("transaction.begun");
      const result = await begin(db, kind, durability, inTransaction).finally(() => {
        // Also when it failed: a commit whose answer was lost counts.
        notices.tell(changed);
      });
      await step("transaction.committed");
      return result;
    },
    onVmChange: (listener) => notices.subscribe(listener),
    ping: async () => {
      await sql`select 1`.execute(db);
    },
    close: () => db.destroy(),
  };
}

type Work<T> = (trx: Kysely<Schema>) => Promise<T>;

function begin<T>(db: Kysely<Schema>, kind: StoreKind, durability: Durability, work: Work<T>): Promise<T> {
  if (durability === "power" || kind === "postgres") return db.transaction().execute(work);
  return relaxedOnSqlite(db, work);
}

/** SQLite has no such setting for one transaction: the connection, which nobody else has meanwhile, is set and set back. */
function relaxedOnSqlite<T>(db: Kysely<Schema>, work: Work<T>): Promise<T> {
  return db.connection().execute(async (connection) => {
    await sql`pragma synchronous = normal`.execute(connection);
    try {
      return await connection.transaction().execute(work);
    } finally {
      await sql`pragma synchronous = full`.execute(connection);
    }
  });
}
