import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import { expect, test } from "vitest";
import { asStoreFailure } from "./failures.ts";
import { openPostgresStore, openSqliteStore } from "./store.ts";

const POSTGRES_URL = process.env["FASTVM_TEST_POSTGRES_URL"];
const UNAVAILABLE = { code: "database_unavailable" };

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

test("a PostgreSQL that nobody listens for is away", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  const opened = openPostgresStore(`postgres://nobody@127.0.0.1:${port}/none`, () => undefined);
  expect(await failureOf(opened)).toMatchObject(UNAVAILABLE);
});

test("a SQLite file that somebody else has locked, or that cannot be opened, is away", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-store-"));
  try {
    expect(await failureOf(openSqliteStore(join(folder, "none", "store.db")))).toMatchObject(UNAVAILABLE);
    const other = new DatabaseSync(join(folder, "store.db"));
    other.exec("create table kept (value text); begin exclusive");
    const mine = new DatabaseSync(join(folder, "store.db"), { timeout: 0 });
    const failure = await failureOf((async () => mine.exec("insert into kept values ('x')"))());
    expect(asStoreFailure(failure)).toMatchObject(UNAVAILABLE);
    mine.close();
    other.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("what the server refuses for good is a bug of ours", () => {
  const refused = Object.assign(new Error("column does not exist"), { code: "42703" });
  expect(asStoreFailure(refused)).toBe(refused);
});

test.skipIf(POSTGRES_URL === undefined)(
  "a connection that PostgreSQL ends between two statements ends neither the process nor the next transaction",
  async () => {
    const lost: Error[] = [];
    // Told from others by its name: tests beside this one have transactions, too.
    const url = new URL(POSTGRES_URL ?? "");
    url.searchParams.set("application_name", "cut");
    const store = await openPostgresStore(url.href, (error) => lost.push(error));
    const killer = new Client({ connectionString: POSTGRES_URL });
    await killer.connect();
    try {
      const { promise: isBegun, resolve: begun } = Promise.withResolvers<void>();
      const { promise: isKilled, resolve: killed } = Promise.withResolvers<void>();
      const cut = store.transaction(async (records) => {
        await records.organisations.lockRoom();
        begun();
        await isKilled;
        // The socket's end is noticed while no statement is under way.
        await new Promise((resolve) => setTimeout(resolve, 100));
        await records.organisations.first();
      });
      const failure = failureOf(cut);
      await isBegun;
      await killer.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and application_name = 'cut'",
      );
      killed();
      expect(await failure).toMatchObject(UNAVAILABLE);
      await store.transaction((records) => records.organisations.lockRoom());
    } finally {
      await killer.end();
      await store.close();
    }
  },
);
