/** The stores that tests run on: SQLite in memory, and PostgreSQL when FASTVM_TEST_POSTGRES_URL says where one is. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeSqliteDialect } from "../store/node-sqlite.ts";
import { postgresDialect } from "../store/postgres.ts";
import { openPostgresStore, openStore, type Store } from "../store/store.ts";
import type { StoreKind } from "../store/store-kind.ts";
import { failingDialect, type DatabaseFaults } from "./failing-dialect.ts";
import { openMemoryStore, todaysSchema } from "./memory-store.ts";
import { assertNoRows, lendSchema, makeSchema, onPostgres } from "./postgres-schemas.ts";

interface TestStore {
  readonly name: string;
  /** A store of its own, empty, gone after `close`. */
  readonly open: () => Promise<Store>;
}

export const TEST_STORES: readonly TestStore[] = [
  { name: "sqlite", open: openMemoryStore },
  ...onPostgres((url) => ({ name: "postgres", open: () => openInOwnSchema(url) })),
];

export interface TestDatabase extends AsyncDisposable {
  readonly kind: StoreKind;
  /** A path, or a URL. */
  readonly location: string;
}

/** Databases that other processes open as well. */
export const TEST_DATABASES: readonly { readonly name: string; make(): Promise<TestDatabase> }[] = [
  { name: "sqlite", make: makeSqliteFile },
  ...onPostgres((url) => ({ name: "postgres", make: () => makePostgresSchema(url) })),
];

interface FailingTestStore {
  readonly name: string;
  /** The same, but failing as the faults say. */
  readonly open: (faults: DatabaseFaults) => Promise<Store>;
}

export const FAILING_TEST_STORES: readonly FailingTestStore[] = [
  {
    name: "sqlite",
    open: async (faults) =>
      openStore("sqlite", failingDialect(nodeSqliteDialect(":memory:", await todaysSchema()), faults)),
  },
  ...onPostgres((server) => ({
    name: "postgres",
    open: (faults: DatabaseFaults) =>
      openInOwnSchema(server, (url, onIdleError) =>
        openStore("postgres", failingDialect(postgresDialect(url, onIdleError), faults)),
      ),
  })),
];

async function openInOwnSchema(url: string, open = openPostgresStore): Promise<Store> {
  const schema = await lendSchema(url);
  const store = await open(schema.location, (error) => {
    throw error;
  });
  if (schema.isNew) await assertNoRows(schema.location);
  return {
    ...store,
    close: async () => {
      await store.close();
      await schema[Symbol.asyncDispose]();
    },
  };
}

async function makePostgresSchema(url: string): Promise<TestDatabase> {
  const { location, [Symbol.asyncDispose]: drop } = await makeSchema(url);
  return { kind: "postgres", location, [Symbol.asyncDispose]: drop };
}

async function makeSqliteFile(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-store-"));
  return {
    kind: "sqlite",
    location: join(folder, "store.db"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
