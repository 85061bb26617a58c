/** The stores that tests run on: SQLite in memory, and PostgreSQL when FASTVM_TEST_POSTGRES_URL says where one is. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { nodeSqliteDialect } from "../store/node-sqlite.ts";
import { postgresDialect } from "../store/postgres.ts";
import { openPostgresStore, openSqliteStore, openStore, type Store } from "../store/store.ts";
import type { StoreKind } from "../store/store-kind.ts";
import { failingDialect, type DatabaseFaults } from "./failing-dialect.ts";

interface TestStore {
  readonly name: string;
  /** A store of its own, empty, gone after `close`. */
  readonly open: () => Promise<Store>;
}

const POSTGRES_URL = process.env["FASTVM_TEST_POSTGRES_URL"];

export const TEST_STORES: readonly TestStore[] = [
  { name: "sqlite", open: () => openSqliteStore(":memory:") },
  ...(POSTGRES_URL === undefined || POSTGRES_URL === ""
    ? []
    : [{ name: "postgres", open: () => openInOwnSchema(POSTGRES_URL) }]),
];

export interface TestDatabase extends AsyncDisposable {
  readonly kind: StoreKind;
  /** A path, or a URL. */
  readonly location: string;
}

/** Databases that other processes open as well. */
export const TEST_DATABASES: readonly { readonly name: string; make(): Promise<TestDatabase> }[] = [
  { name: "sqlite", make: makeSqliteFile },
  ...(POSTGRES_URL === undefined || POSTGRES_URL === ""
    ? []
    : [{ name: "postgres", make: () => makeSchema(POSTGRES_URL) }]),
];

interface FailingTestStore {
  readonly name: string;
  /** The same, but failing as the faults say. */
  readonly open: (faults: DatabaseFaults) => Promise<Store>;
}

export const FAILING_TEST_STORES: readonly FailingTestStore[] = [
  {
    name: "sqlite",
    open: (faults) => openStore("sqlite", failingDialect(nodeSqliteDialect(":memory:"), faults)),
  },
  ...(POSTGRES_URL === undefined || POSTGRES_URL === ""
    ? []
    : [
        {
          name: "postgres",
          open: (faults: DatabaseFaults) =>
            openInOwnSchema(POSTGRES_URL, (url, onIdleError) =>
              openStore("postgres", failingDialect(postgresDialect(url, onIdleError), faults)),
            ),
        },
      ]),
];

async function openInOwnSchema(url: string, open = openPostgresStore): Promise<Store> {
  const schema = await makeSchema(url);
  const store = await open(schema.location, (error) => {
    throw error;
  });
  return {
    ...store,
    close: async () => {
      await store.close();
      await schema[Symbol.asyncDispose]();
    },
  };
}

/** Each store lives in a PostgreSQL schema of its own, so that tests may run side by side. */
async function makeSchema(url: string): Promise<TestDatabase> {
  const schema = `fastvm_test_${randomBytes(6).toString("hex")}`;
  await execute(url, `create schema ${schema}`);
  const own = new URL(url);
  own.searchParams.set("options", `-c search_path=${schema}`);
  return {
    kind: "postgres",
    location: own.href,
    [Symbol.asyncDispose]: () => execute(url, `drop schema ${schema} cascade`),
  };
}

async function makeSqliteFile(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-store-"));
  return {
    kind: "sqlite",
    location: join(folder, "store.db"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
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
