import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { Client } from "pg";
import { expect, test } from "vitest";
import { patchFirewall, parseFirewall } from "../api/fastvm/firewall/validate.ts";
import * as unwrittenNames from "./migrations/0008-unwritten-names.ts";
import * as networkPolicy from "./migrations/0011-network-policy.ts";
import * as endedAt from "./migrations/0025-ended-at.ts";
import { nodeSqliteDialect } from "./node-sqlite.ts";
import { openPostgresStore, openSqliteStore, type Store } from "./store.ts";
import { assertNoRows, makeSchema, onPostgres } from "../testing/postgres-schemas.ts";
import { TEST_DATABASES, type TestDatabase } from "../testing/test-stores.ts";

test.each(TEST_DATABASES)("a $name store is made beside another of the same server", async (database) => {
  await using one = await database.make();
  await using other = await database.make();
  const stores = await Promise.all([one, other].map(openAt));
  for (const store of stores) expect(await store.vms.listAll()).toEqual([]);
  for (const store of stores) await store.close();
});

function openAt({ kind, location }: TestDatabase): Promise<Store> {
  if (kind === "sqlite") return openSqliteStore(location);
  return openPostgresStore(location, (error) => {
    throw error;
  });
}

test.each(onPostgres((url) => ({ url })))("rows that a migration writes are told", async ({ url }) => {
  await using schema = await makeSchema(url);
  const client = new Client({ connectionString: schema.location });
  await client.connect();
  await client.query("create table kysely_migration (name text); insert into kysely_migration values ('1')");
  await client.query("create table settings (name text)");
  await assertNoRows(schema.location);
  await client.query("insert into settings values ('default')");
  await client.end();
  await expect(assertNoRows(schema.location)).rejects.toThrow("writes rows into settings");
});

test("records that a newer version wrote are refused in words, and left as they are", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fastvm-newer-"));
  const path = join(folder, "store.db");
  const store = await openSqliteStore(path);
  await store.close();
  const older = readFileSync(path);
  const db = new Kysely<unknown>({ dialect: nodeSqliteDialect(path) });
  await sql`insert into kysely_migration values ('9999-of-tomorrow', '2100-01-01T00:00:00.000Z')`.execute(db);
  await db.destroy();
  const newer = readFileSync(path);
  expect(newer.equals(older)).toBe(false);
  await expect(openSqliteStore(path)).rejects.toThrow(
    /a newer version of FastVM wrote them \(9999-of-tomorrow .*nothing was changed/,
  );
  expect(readFileSync(path).equals(newer)).toBe(true);
  rmSync(folder, { recursive: true });
});

test("names that nobody wrote follow from egress in policies of before, too", async () => {
  const db = new Kysely<unknown>({ dialect: nodeSqliteDialect(":memory:") });
  const filled = { mode: "deny", domains: [], blockBypass: false };
  const written = { mode: "deny", domains: ["a.test"], blockBypass: false };
  const egress = { default: "deny", rules: [{ description: JSON.stringify({ egress: {}, dns: filled }) }] };
  const policies = [
    [
      { dialect: "rules", policy: { ingress: {}, egress, dns: filled } },
      { dialect: "rules", policy: { ingress: {}, egress } },
    ],
    [
      { dialect: "legacy", policy: {}, kept: { egress, dns: filled } },
      { dialect: "legacy", policy: {}, kept: { egress } },
    ],
    [{ dialect: "rules", policy: { ingress: {}, egress, dns: written } }],
    [null],
  ];
  for (const table of ["vms", "snapshots"]) {
    await sql`create table ${sql.table(table)} (firewall text)`.execute(db);
    for (const [before] of policies) {
      const text = before === null ? null : JSON.stringify(before);
      await sql`insert into ${sql.table(table)} values (${text})`.execute(db);
    }
  }
  await unwrittenNames.up(db);
  for (const table of ["vms", "snapshots"]) {
    const { rows } = await sql<{ firewall: string | null }>`select firewall from ${sql.table(table)}`.execute(
      db,
    );
    const after = rows.map(({ firewall }) => (firewall === null ? null : JSON.parse(firewall)));
    expect(after).toEqual(policies.map(([before, expected = before]) => expected));
  }
  await db.destroy();
});

test("VMs that ended before their ends were kept have them from their history", async () => {
  const db = new Kysely<unknown>({ dialect: nodeSqliteDialect(":memory:") });
  await sql`create table vms (id text, status text)`.execute(db);
  await sql`insert into vms values ('off', 'stopped'), ('old', 'error'), ('on', 'running')`.execute(db);
  await sql`create table events (subject_id text, to_status text, at bigint)`.execute(db);
  for (const [id, status, at] of [
    ["off", "stopped", 1],
    ["off", "running", 2],
    ["off", "stopped", 3],
    ["on", "stopped", 4],
  ]) {
    await sql`insert into events values (${id}, ${status}, ${at})`.execute(db);
  }
  await endedAt.up(db);
  const { rows } = await sql`select id, ended_at from vms order by id`.execute(db);
  expect(rows).toEqual([
    { id: "off", ended_at: 3 },
    { id: "old", ended_at: null },
    { id: "on", ended_at: null },
  ]);
  await db.destroy();
});

test("policies of before are kept as those of today are, in the words of whoever wrote them", async () => {
  const db = new Kysely<unknown>({ dialect: nodeSqliteDialect(":memory:") });
  const rule = { protocol: "tcp", portStart: 1, portEnd: 9, sourceCidrs: ["2001:db8::/32", "fd00::/8"] };
  const open = { mode: "open", ingress: [rule, { protocol: "udp", portStart: 53, description: "names" }] };
  const egress = { default: "deny", rules: [] };
  const rules = { ingress: { default: "allow", rules: [] }, egress, dns: { mode: "deny", domains: [] } };
  const whole = { ...rules, dns: { ...rules.dns, blockBypass: false } };
  const policies = [
    [{ dialect: "legacy", policy: open }, parseFirewall(open)],
    [
      { dialect: "legacy", policy: open, kept: { egress, dns: whole.dns } },
      patchFirewall(parseFirewall(rules), open),
    ],
    [{ dialect: "rules", policy: whole }, parseFirewall(rules)],
    [null, null],
  ];
  for (const table of ["vms", "snapshots"]) {
    await sql`create table ${sql.table(table)} (id text, firewall text)`.execute(db);
    for (const [index, [before]] of policies.entries()) {
      const text = before === null ? null : JSON.stringify(before);
      await sql`insert into ${sql.table(table)} values (${String(index)}, ${text})`.execute(db);
    }
  }
  await networkPolicy.up(db);
  for (const table of ["vms", "snapshots"]) {
    const { rows } = await sql`select * from ${sql.table(table)} order by id`.execute(db);
    const after = policies.map(([, network], index) => ({
      id: String(index),
      network: network === null ? null : JSON.stringify(network),
    }));
    expect(rows).toEqual(after);
  }
  await db.destroy();
});
