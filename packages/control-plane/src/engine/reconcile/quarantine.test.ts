/** What no record knows is kept, told and counted, and ended by an operator or after its time; on every store. */
import { newSnapshotId, newVmId } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { describe, expect, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { testApp, type TestAppOptions } from "../../testing/test-app.ts";
import { TEST_STORES } from "../../testing/test-stores.ts";

/** An application whose operator's socket is at hand. */
async function operatedApp(options: TestAppOptions) {
  let operator: FastifyInstance | undefined;
  const api = await testApp({ ...options, useOperator: (app) => (operator = app) });
  const ask = async (method: "GET" | "DELETE", url: string) => {
    const answer = await operator?.inject({ method, url });
    return { status: answer?.statusCode, body: answer?.json() };
  };
  return { ...api, ask };
}

/** Looks at all records follow one another. */
const LOOKING = { reconcileEveryMs: 10 };

describe.each(TEST_STORES)("on $name", ({ open }) => {
  test("a database that was set back to before all VMs ends none of them", async () => {
    const worker = new FakeWorker();
    {
      await using before = await testApp({ store: await open(), worker });
      const { id } = (await before.call("POST /v1/vms", { machineType: "c1m2" })).body;
      await before.call("POST /v1/vms", { machineType: "c1m2" });
      await before.call(`POST /v1/vms/${id}/pause`);
      await before.call("POST /v1/snapshots", { vmId: id });
    }
    await using api = await operatedApp({ store: await open(), worker, config: LOOKING });
    const kept = (await api.ask("GET", "/quarantine")).body;
    expect(kept.map(({ kind }: { kind: string }) => kind).toSorted()).toEqual(["snapshot", "vm", "vm"]);
    expect(worker.calls.filter(({ method }) => method.startsWith("delete"))).toEqual([]);
    expect([worker.vms.size, worker.snapshots.size]).toEqual([2, 1]);
  });

  test("their memory is room that others do not have", async () => {
    const worker = new FakeWorker();
    worker.memoryMib = 4096;
    worker.vms.set(newVmId(), { status: "running", spec: undefined });
    worker.vms.set(newVmId(), { status: "paused", spec: undefined });
    await using api = await testApp({ store: await open(), worker });
    expect((await api.call("POST /v1/vms", { machineType: "c1m2" })).status).toBe(201);
    expect((await api.call("POST /v1/vms", { machineType: "c1m2" })).status).toBe(202);
  });

  test("an operator ends one; who waited for its room gets it", async () => {
    const worker = new FakeWorker();
    worker.memoryMib = 2048;
    const stranger = newVmId();
    const snapshot = newSnapshotId();
    worker.vms.set(stranger, { status: "running", spec: undefined });
    worker.snapshots.add(snapshot);
    await using api = await operatedApp({ store: await open(), worker });
    const waiting = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
    expect(waiting.status).toBe("provisioning");
    expect(await api.ask("DELETE", `/quarantine/${stranger}`)).toMatchObject({ status: 200 });
    expect(await api.ask("DELETE", `/quarantine/${snapshot}`)).toMatchObject({ status: 200 });
    await eventually(async () =>
      expect((await api.call(`GET /v1/vms/${waiting.id}`)).body.status).toBe("running"),
    );
    expect([...worker.vms.keys()]).toEqual([waiting.id]);
    expect(worker.snapshots.size).toBe(0);
    expect((await api.ask("GET", "/quarantine")).body).toEqual([]);
  });

  test("one goes after the stated time, which a restart does not begin anew", async () => {
    const worker = new FakeWorker();
    const store = await open();
    worker.vms.set(newVmId(), { status: "running", spec: undefined });
    const stayOpen = { ...store, close: () => Promise.resolve() };
    let foundAt: number;
    {
      await using first = await testApp({ store: stayOpen, worker });
      foundAt = (await first.store.quarantine.list())[0]?.foundAt ?? 0;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    {
      await using second = await testApp({ store: stayOpen, worker });
      expect(await second.store.quarantine.list()).toMatchObject([{ foundAt }]);
    }
    expect(worker.vms.size).toBe(1);
    await using third = await testApp({ store, worker, config: { ...LOOKING, quarantineMs: 1 } });
    await eventually(() => expect(worker.vms.size).toBe(0));
    await eventually(async () => expect(await third.store.quarantine.list()).toEqual([]));
  });

  test("what was deleted and came back with a power cut is deleted again, and kept nowhere", async () => {
    const worker = new FakeWorker();
    await using api = await testApp({ store: await open(), worker, config: LOOKING });
    const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
    await api.call(`DELETE /v1/snapshots/${snapshot.id}`);
    await api.call(`DELETE /v1/vms/${id}`);
    expect([worker.vms.size, worker.snapshots.size]).toEqual([0, 0]);
    worker.vms.set(id, { status: "stopped", spec: undefined });
    worker.snapshots.add(snapshot.id);
    await eventually(() => expect([worker.vms.size, worker.snapshots.size]).toEqual([0, 0]));
    expect(await api.store.quarantine.list()).toEqual([]);
  });

  test("one that is known again leaves it", async () => {
    const worker = new FakeWorker();
    await using other = await testApp({ store: await open(), worker });
    const { id } = (await other.call("POST /v1/vms", { machineType: "c1m2" })).body;
    const record = await other.store.vms.get(id);
    await using api = await testApp({ store: await open(), worker, config: LOOKING });
    expect(await api.store.quarantine.list()).toMatchObject([{ id }]);
    if (record === undefined) throw new Error("no record");
    await api.store.vms.create({ ...record, orgId: api.orgId });
    await eventually(async () => expect(await api.store.quarantine.list()).toEqual([]));
    expect(await api.store.vms.get(id)).toMatchObject({ status: "running" });
  });
});

test("launches, forks and snapshots that are under way are not strangers, however often it is looked", async () => {
  await using api = await testApp({ config: { reconcileEveryMs: 1 } });
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all([
      api.call("POST /v1/vms", { machineType: "c1m2" }),
      api.call(`POST /v1/vms/${id}/fork`, { count: 2 }),
      api.call("POST /v1/snapshots", { vmId: id }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
  }
  expect(api.log.entries.filter(({ message }) => /quarantine|brought in line/.test(message))).toEqual([]);
});

test("what is not in it cannot be ended there, and keys of the API do not reach it", async () => {
  const worker = new FakeWorker();
  worker.vms.set(newVmId(), { status: "running", spec: undefined });
  await using api = await operatedApp({ worker });
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  expect((await api.ask("DELETE", `/quarantine/${id}`)).status).toBe(404);
  expect((await api.call("GET /quarantine")).status).toBe(404);
  expect(worker.vms.size).toBe(2);
});
