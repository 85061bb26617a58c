/** The stores that tests run on: SQLite in memory, and PostgreSQL when FASTVM_TEST_POSTGRES_URL says where one is. */
import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { nodeSqliteDialect } from "../store/node-sqlite.ts";
import { postgresDialect } from "../store/postgres.ts";
import { openPostgresStore, openSqliteStore, openStore, type Store } from "../store/store.ts";
import { failingDialect, type DatabaseFaults } from "./failing-dialect.ts";

export interface TestStore {
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

export interface FailingTestStore {
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

/** Each store lives in a PostgreSQL schema of its own, so that tests may run side by side. */
async function openInOwnSchema(url: string, open = openPostgresStore): Promise<Store> {
  const schema = `fastvm_test_${randomBytes(6).toString("hex")}`;
  await execute(url, `create schema ${schema}`);
  const own = new URL(url);
  own.searchParams.set("options", `-c search_path=${schema}`);
  const store = await open(own.href, (error) => {
    throw error;
  });
  return {
    ...store,
    close: async () => {
      await store.close();
      await execute(url, `drop schema ${schema} cascade`);
    },
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
