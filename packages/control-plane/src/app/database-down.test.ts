/** What clients see of a database that does not answer. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeSqliteDialect } from "../store/node-sqlite.ts";
import { openStore } from "../store/store.ts";
import { DatabaseFaults, failingDialect } from "../testing/failing-dialect.ts";
import { testApp, type TestApp } from "../testing/test-app.ts";

let faults: DatabaseFaults;
let api: TestApp;

beforeEach(async () => {
  faults = new DatabaseFaults();
  api = await testApp({
    store: await openStore("sqlite", failingDialect(nodeSqliteDialect(":memory:"), faults)),
  });
});

afterEach(async () => {
  await api[Symbol.asyncDispose]();
});

test("every call, the look for its key included, is 503 and may be tried again", async () => {
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  faults.takeDown();
  for (const route of [
    "GET /v1/vms",
    `GET /v1/vms/${id}`,
    `POST /v1/vms/${id}/pause`,
    `DELETE /v1/vms/${id}`,
  ]) {
    const answer = await api.call(route);
    expect(answer, route).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
    expect(answer.headers["retry-after"]).toBe("5");
    expect(answer.headers).not.toHaveProperty("x-should-retry");
  }
  expect(await api.call("GET /readyz")).toMatchObject({
    status: 503,
    body: { status: expect.stringMatching(/store/) },
  });
  expect((await api.call("GET /livez")).status).toBe(200);
  faults.recover();
  expect((await api.call(`GET /v1/vms/${id}`)).body).toMatchObject({ status: "running" });
  expect((await api.call("GET /readyz")).status).toBe(200);
});

test("a bug in a statement stays a bug", async () => {
  faults.error = () => Object.assign(new Error("syntax error"), { code: "42601" });
  faults.takeDown();
  expect(await api.call("GET /v1/vms")).toMatchObject({ status: 500, body: { code: "internal" } });
});

test("on a full disk, what frees room is done all the same", async () => {
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
  faults.error = () => Object.assign(new Error("database or disk is full"), { errcode: 13 });
  for (const [route, freed] of [
    [`DELETE /v1/snapshots/${snapshot.id}`, () => api.worker.snapshots.size === 0],
    [`DELETE /v1/vms/${id}`, () => api.worker.vms.size === 0],
  ] as const) {
    faults.refuseWritesWhile(() => !freed());
    expect(await api.call("POST /v1/vms", { machineType: "c1m2" })).toMatchObject({ status: 507 });
    expect((await api.call(route)).status, route).toBe(200);
  }
  expect(await api.store.vms.listAll()).toEqual([]);
  expect(await api.store.snapshots.listAll()).toEqual([]);
});
