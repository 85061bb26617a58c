import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { sql, Kysely } from "kysely";
import { nodeSqliteDialect } from "./node-sqlite.ts";
import { asStoreFailure } from "./failures.ts";
import { isDiskFull } from "./is-disk-full.ts";

function failureOf(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("a database that may not grow is told from one that refuses a row", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE rows (value TEXT UNIQUE); INSERT INTO rows VALUES ('taken')");
  const refused = failureOf(() => database.exec("INSERT INTO rows VALUES ('taken')"));
  expect(refused).toBeInstanceOf(Error);
  expect(isDiskFull(refused)).toBe(false);
  database.exec("PRAGMA max_page_count = 4");
  const full = failureOf(() => database.exec("INSERT INTO rows VALUES (hex(zeroblob(100000)))"));
  expect(isDiskFull(full)).toBe(true);
  expect(asStoreFailure(full)).toMatchObject({ code: "out_of_disk", cause: full });
  expect(asStoreFailure(refused)).toBe(refused);
  database.close();
});

test("PostgreSQL's word for it is known, too", () => {
  expect(isDiskFull(Object.assign(new Error("could not extend file"), { code: "53100" }))).toBe(true);
  expect(isDiskFull(Object.assign(new Error("duplicate key"), { code: "23505" }))).toBe(false);
});

test("a transaction that met it tells so, and the next one works", async () => {
  await using database = new Kysely<unknown>({ dialect: nodeSqliteDialect(":memory:") });
  await sql`CREATE TABLE filled (value TEXT)`.execute(database);
  await sql`PRAGMA max_page_count = 4`.execute(database);
  const insert = (bytes: number): Promise<unknown> =>
    database.transaction().execute((transaction) => {
      return sql`INSERT INTO filled VALUES (hex(zeroblob(${bytes})))`.execute(transaction);
    });
  expect(isDiskFull(await insert(100_000).catch((error: unknown) => error))).toBe(true);
  await insert(1);
  const refused = database.transaction().execute(async (transaction) => {
    await sql`INSERT INTO filled VALUES ('undone')`.execute(transaction);
    throw new Error("changed its mind");
  });
  await expect(refused).rejects.toThrow("changed its mind");
  expect((await sql`SELECT value FROM filled`.execute(database)).rows).toEqual([{ value: "00" }]);
});
