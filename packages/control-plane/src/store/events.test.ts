/** The numbers of events: without gaps, and readable in their order, whatever else is written and whoever is killed meanwhile. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { newOrgId, type OrgId } from "@fastvm/contract";
import { Kysely, sql } from "kysely";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { EventFeed } from "../engine/events/event-feed.ts";
import { TEST_DATABASES, TEST_STORES, type TestDatabase } from "../testing/test-stores.ts";
import type { EventRecord, NewEvent } from "./event-repository.ts";
import * as initial from "./migrations/0001-initial.ts";
import * as eventOrder from "./migrations/0012-event-order.ts";
import { nodeSqliteDialect } from "./node-sqlite.ts";
import { openPostgresStore, openSqliteStore, type Store } from "./store.ts";

const WRITER = fileURLToPath(new URL("../testing/event-writer.ts", import.meta.url));
const POLL_MS = 5;
/** On a busy machine a process takes seconds to start, and three are started. */
const PATIENCE_MS = 60_000;

function patiently(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: PATIENCE_MS, interval: 20 });
}

function eventOf(orgId: OrgId, cause: string, subjectId = "x"): NewEvent {
  const subject = { orgId, subjectKind: "vm", subjectId } as const;
  const said = { cause, actor: "system", detail: null, at: 0 };
  const about = { sourceVmId: null, errorCode: null, metadata: null };
  return { ...subject, ...said, ...about, fromStatus: null, toStatus: "running" };
}

describe.each(TEST_STORES)("$name", ({ open }) => {
  async function opened(): Promise<Store> {
    const store = await open();
    onTestFinished(() => store.close());
    return store;
  }

  test("each organisation counts for itself, and a transaction that is undone takes its numbers back", async () => {
    const store = await opened();
    const [one, other] = [newOrgId(), newOrgId()];
    await store.transaction(async (records) => {
      await records.events.append(eventOf(one, "a"));
      await records.events.append(eventOf(other, "b"));
      await records.events.append(eventOf(one, "c"));
    });
    const undone = store.transaction(async (records) => {
      await records.events.append(eventOf(one, "never"));
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    await store.events.append(eventOf(one, "d"));
    const numbered = async (orgId: OrgId) =>
      (await store.events.after(orgId, 0, 10)).map(({ id, cause }) => `${id}${cause}`);
    expect(await numbered(one)).toEqual(["1a", "2c", "3d"]);
    expect(await numbered(other)).toEqual(["1b"]);
    expect(await store.events.lastIds([one, other, newOrgId()])).toEqual(
      new Map([
        [one, 3],
        [other, 1],
      ]),
    );
  });

  test("of each organisation only the newest are kept, and numbers go on", async () => {
    const store = await opened();
    const [much, little] = [newOrgId(), newOrgId()];
    for (let i = 1; i <= 10; i += 1) await store.events.append(eventOf(much, `c${i}`));
    await store.events.append(eventOf(little, "only"));
    await store.events.prune(3);
    const causes = async (orgId: OrgId, after = 0) =>
      (await store.events.after(orgId, after, 10)).map(({ cause }) => cause);
    expect(await causes(much)).toEqual(["c8", "c9", "c10"]);
    expect(await causes(much, 9)).toEqual(["c10"]);
    expect(await causes(little)).toEqual(["only"]);
    await store.events.append(eventOf(much, "c11"));
    expect((await store.events.after(much, 10, 10)).map(({ id }) => id)).toEqual([11]);
  });

  test("two transactions that change each other's organisations do not wait for each other", async () => {
    const store = await opened();
    const orgs = [newOrgId(), newOrgId()];
    const writes = Array.from({ length: 40 }, (_, i) =>
      store.transaction(async (records) => {
        for (const orgId of i % 2 === 0 ? orgs : orgs.toReversed())
          await records.events.append(eventOf(orgId, `${i}`));
      }),
    );
    await Promise.all(writes);
    expect([...(await store.events.lastIds(orgs)).values()]).toEqual([40, 40]);
  });
});

describe.each(TEST_DATABASES)("$name", (database) => {
  test(
    "who reads on after the last number misses nothing, whoever commits first and whoever is killed",
    async () => {
      await using location = await database.make();
      const store = await openAt(location);
      const orgId = newOrgId();
      const feed = new EventFeed(store, POLL_MS);
      const read: EventRecord[] = [];
      const reading = readAll(feed, orgId, read);
      // An SQLite file is one daemon's.
      const first = [startWriter(location, orgId, "a")];
      if (location.kind === "postgres") first.push(startWriter(location, orgId, "b"));
      await patiently(() =>
        expect(read.filter(({ cause }) => cause.startsWith("a-")).length).toBeGreaterThan(30),
      );
      await first[0]?.kill();
      const more = startWriter(location, orgId, "c");
      await patiently(() => expect(read.some(({ cause }) => cause.startsWith("c-2"))).toBe(true));
      const writers = [...first, more];
      await Promise.all(writers.map((writer) => writer.kill()));
      const last = (await store.events.lastIds([orgId])).get(orgId) ?? 0;
      await patiently(() => expect(read.at(-1)?.id).toBe(last));
      feed.close();
      await reading;
      await store.close();

      expect(read.map(({ id }) => id)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
      const causes = read.map(({ cause }) => cause);
      expect(new Set(causes).size).toBe(last);
      for (const { committed } of writers) expect(causes).toEqual(expect.arrayContaining([...committed]));
      // Else nothing was shown: they must not have been committed in the order in which they began.
      const begun = causes.filter((cause) => cause.startsWith("a-")).map((cause) => Number(cause.slice(2)));
      expect(begun).not.toEqual(begun.toSorted((one, other) => one - other));
    },
    4 * PATIENCE_MS,
  );
});

async function readAll(feed: EventFeed, orgId: OrgId, into: EventRecord[]): Promise<void> {
  for await (const { events, isAfterGap } of feed.follow(orgId, { after: 0 })) {
    expect(isAfterGap).toBe(false);
    into.push(...events);
  }
}

function openAt({ kind, location }: TestDatabase): Promise<Store> {
  return kind === "sqlite"
    ? openSqliteStore(location)
    : openPostgresStore(location, (error) => {
        throw error;
      });
}

interface Writer {
  readonly committed: readonly string[];
  kill(): Promise<void>;
}

function startWriter({ kind, location }: TestDatabase, orgId: OrgId, name: string): Writer {
  const child: ChildProcess = spawn(process.execPath, [WRITER, kind, location, orgId, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "close");
  const committed: string[] = [];
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split("\n");
    text = lines.pop() ?? "";
    committed.push(...lines);
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  onTestFinished(kill);
  return { committed, kill };
}

test("events of before keep their order when they get numbers", async () => {
  const db = new Kysely<unknown>({ dialect: nodeSqliteDialect(":memory:") });
  await initial.up(db, "sqlite");
  for (const [org, cause] of [
    ["one", "a"],
    ["two", "b"],
    ["one", "c"],
  ]) {
    await sql`insert into events (org_id, subject_kind, subject_id, cause, actor, at)
      values (${org}, 'vm', 'x', ${cause}, 'system', 0)`.execute(db);
  }
  await eventOrder.up(db);
  const { rows } = await sql`select org_id, id, cause from events order by org_id, id`.execute(db);
  expect(rows).toEqual([
    { org_id: "one", id: 1, cause: "a" },
    { org_id: "one", id: 2, cause: "c" },
    { org_id: "two", id: 1, cause: "b" },
  ]);
  const counters = await sql`select * from event_counters order by org_id`.execute(db);
  expect(counters.rows).toEqual([
    { org_id: "one", last_id: 2 },
    { org_id: "two", last_id: 1 },
  ]);
  await db.destroy();
});
