/** The stores that tests run on: SQLite in memory, and PostgreSQL when FASTVM_TEST_POSTGRES_URL says where one is. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { openPostgresStore, openSqliteStore, type Store } from "../store/store.ts";

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

/** Each store lives in a PostgreSQL schema of its own, so that tests may run side by side. */
async function openInOwnSchema(url: string): Promise<Store> {
  const schema = `fastvm_test_${randomBytes(6).toString("hex")}`;
  await execute(url, `create schema ${schema}`);
  const own = new URL(url);
  own.searchParams.set("options", `-c search_path=${schema}`);
  const store = await openPostgresStore(own.href, (error) => {
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
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
