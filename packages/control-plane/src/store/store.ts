/** The control plane's records in SQLite or PostgreSQL. Opening a store brings its schema up to date. */
import { step } from "@fastvm/contract";
import type { OrgId, VmId } from "@fastvm/contract";
import { CamelCasePlugin, Kysely, sql, type Dialect } from "kysely";
import { ChangeNotices, type ChangeListener } from "./change-notices.ts";
import type { NewEvent } from "./event-repository.ts";
import { asStoreFailure, tellingFailures } from "./failures.ts";
import { LateSync } from "./late-sync.ts";
import { migrate } from "./migrate.ts";
import { nodeSqliteDialect } from "./node-sqlite.ts";
import { postgresDialect } from "./postgres.ts";
import { recordsOf, type Records } from "./records.ts";
import type { Schema } from "./schema.ts";
import type { StoreKind } from "./store-kind.ts";
import { writeEvents } from "./write-events.ts";

/**
 * What a committed transaction survives. `power`: the loss of power. `process`: the end of this process only, which saves waiting for
 * the disk (4 ms and more) and is enough for what a loss of power ends anyway: a VM that is not strict, a change that is not
 * finished. It is synced a moment later (`late-sync.ts`). That is so in SQLite. PostgreSQL may end while we and the VMs go on, and forgets
 * what it has not flushed: there every commit is waited for.
 */
type Durability = "power" | "process";

export interface Store extends Records {
  readonly kind: StoreKind;
  /** Runs `work` in one transaction, by default durable. It may do SQL only: the transaction holds locks that others wait for. */
  transaction<T>(work: (records: Records) => Promise<T>, durability?: Durability): Promise<T>;
  /** Calls back for each VM that this process has changed, after the commit; returns the function that ends the subscription. */
  onVmChange(listener: ChangeListener<VmId>): () => void;
  /** Calls back with each organisation that this process has written events of, after the commit. */
  onEvents(listener: ChangeListener<OrgId>): () => void;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The store in one SQLite file, which this process alone may own. `:memory:` for tests. */
export async function openSqliteStore(path: string): Promise<Store> {
  return openStore("sqlite", sqliteAt(path), new LateSync(path));
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
export async function openStore(kind: StoreKind, dialect: Dialect, late?: LateSync): Promise<Store> {
  const db = new Kysely<Schema>({ dialect: tellingFailures(dialect), plugins: [new CamelCasePlugin()] });
  try {
    await migrate(db, kind);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const vms = new ChangeNotices<VmId>();
  const events = new ChangeNotices<OrgId>();
  const transaction: Store["transaction"] = async (work, durability = "power") => {
    const changed = new Set<VmId>();
    const happened: NewEvent[] = [];
    const inTransaction = async (trx: Kysely<Schema>) => {
      const records = recordsOf(
        trx,
        (vmId) => changed.add(vmId),
        async (event) => void happened.push(event),
      );
      const worked = await work(records);
      await writeEvents(trx, happened);
      await step("transaction.worked");
      return worked;
    };
    await step("transaction.begun");
    const result = await begin(db, kind, durability, inTransaction).finally(() => {
      // Also when it failed: a commit whose answer was lost counts.
      vms.tell(changed);
      events.tell(new Set(happened.map(({ orgId }) => orgId)));
    });
    // One that was waited for syncs what was before it as well, but where it changed nothing, as then nothing is written.
    if (durability === "process") late?.soon();
    await step("transaction.committed");
    return result;
  };
  const append = (event: NewEvent) => transaction((records) => records.events.append(event));
  return {
    kind,
    ...recordsOf(db, (vmId) => vms.tell([vmId]), append),
    transaction,
    onVmChange: (listener) => vms.subscribe(listener),
    onEvents: (listener) => events.subscribe(listener),
    ping: async () => {
      await sql`select 1`.execute(db);
    },
    close: async () => {
      late?.close();
      await db.destroy();
    },
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
