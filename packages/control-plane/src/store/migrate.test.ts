import { Kysely, sql } from "kysely";
import { expect, test } from "vitest";
import * as unwrittenNames from "./migrations/0008-unwritten-names.ts";
import { nodeSqliteDialect } from "./node-sqlite.ts";
import { TEST_STORES } from "../testing/test-stores.ts";

test.each(TEST_STORES)("a $name store is made beside another of the same database", async ({ open }) => {
  const first = await open();
  const second = await open();
  expect(await second.vms.listAll()).toEqual([]);
  await second.close();
  await first.close();
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
