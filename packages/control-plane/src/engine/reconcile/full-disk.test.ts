/** A real SQLite that may not grow any more while a VM's answer comes back. With room again, record and VM agree by themselves. */
import { FastvmError, newOrgId } from "@fastvm/contract";
import { Kysely, sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeSqliteDialect } from "../../store/node-sqlite.ts";
import type { Schema } from "../../store/schema.ts";
import { openStore } from "../../store/store.ts";
import { eventually } from "../../testing/eventually.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";

const BALLAST = "ballast";
/** More rows would mean that it is not full. */
const MAX_ROWS = 5000;

let api: TestApp;
let database: Kysely<Schema>;
/** What is set aside for deletes, in pages. */
let reserved: number;

beforeEach(async () => {
  // Both speak to one connection, whose limit it is.
  const dialect = nodeSqliteDialect(":memory:");
  reserved = 0;
  api = await testApp({
    store: await openStore("sqlite", dialect),
    config: { reconcileRetryMs: 5 },
    lendRoom: async (work) => {
      try {
        return await work();
      } catch (error) {
        if (reserved === 0) throw error;
        await grow(reserved);
        reserved = 0;
        return await work();
      }
    },
  });
  database = new Kysely<Schema>({ dialect });
});

afterEach(async () => {
  await api[Symbol.asyncDispose]();
});

/** Every change of a status writes an event, for which there is no room then. */
async function fill(): Promise<void> {
  const pages = await sql<{ page_count: number }>`pragma page_count`.execute(database);
  await sql.raw(`pragma max_page_count = ${pages.rows[0]?.page_count}`).execute(database);
  for (let row = 0; row < MAX_ROWS; row++) {
    const written = api.store.events.append({
      orgId: newOrgId(),
      subjectKind: "vm",
      subjectId: BALLAST,
      fromStatus: null,
      toStatus: null,
      cause: "",
      actor: "",
      detail: null,
      at: 0,
      sourceVmId: null,
      errorCode: null,
      metadata: null,
    });
    const failure = await written.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure instanceof FastvmError && failure.code === "out_of_disk") return;
    if (failure !== undefined) throw failure;
  }
  throw new Error("the database is not full");
}

async function grow(byPages: number): Promise<void> {
  const pages = await sql<{ page_count: number }>`pragma page_count`.execute(database);
  await sql.raw(`pragma max_page_count = ${(pages.rows[0]?.page_count ?? 0) + byPages}`).execute(database);
}

async function freeUp(): Promise<void> {
  await sql`pragma max_page_count = 1000000`.execute(database);
}

test("a pause that the worker did while there was no room becomes part of the record", async () => {
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const release = api.worker.hold("pause");
  const pausing = api.call(`POST /v1/vms/${id}/pause`);
  await eventually(() => expect(api.worker.calls.at(-1)?.method).toBe("pause"));
  await fill();
  release();
  expect(await pausing).toMatchObject({ status: 507, body: { code: "out_of_disk" } });
  expect(await api.store.vms.get(id)).toMatchObject({ status: "pausing" });
  await freeUp();
  await eventually(async () => expect((await api.store.vms.get(id))?.status).toBe("paused"));
  expect((await api.call(`POST /v1/vms/${id}/resume`)).body).toMatchObject({ status: "running" });
});

test("a launch that the host refused meanwhile is in error with the worker's reason", async () => {
  const release = api.worker.hold("launch");
  api.worker.failNext("launch", new FastvmError("launch_failed", "the reason"));
  const launching = api.call("POST /v1/vms", { machineType: "c1m2" });
  await eventually(() => expect(api.worker.calls.at(-1)?.method).toBe("launch"));
  await fill();
  release();
  expect((await launching).status).toBe(507);
  await freeUp();
  await eventually(async () =>
    expect(await api.store.vms.listAll()).toMatchObject([
      { status: "error", statusReason: expect.stringMatching(/the reason/) },
    ]),
  );
});

test.each(["vms", "snapshots"])(
  "of %s a delete that frees nothing has room that was set aside for it",
  async (what) => {
    const { id: vmId } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
    const { id } = what === "vms" ? { id: vmId } : (await api.call("POST /v1/snapshots", { vmId })).body;
    await fill();
    reserved = 8;
    expect((await api.call(`DELETE /v1/${what}/${id}`)).status).toBe(200);
    expect(reserved).toBe(0);
    expect((await api.call(`GET /v1/${what}/${id}`)).status).toBe(404);
  },
);

test("what a delete frees it frees at once, and forgets when there is room to write it down", async () => {
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
  await fill();
  for (const route of [`DELETE /v1/snapshots/${snapshot.id}`, `DELETE /v1/vms/${id}`]) {
    expect([200, 507]).toContain((await api.call(route)).status);
  }
  expect([api.worker.vms.size, api.worker.snapshots.size]).toEqual([0, 0]);
  await freeUp();
  await eventually(async () => {
    expect([await api.store.vms.listAll(), await api.store.snapshots.listAll()]).toEqual([[], []]);
  });
});
