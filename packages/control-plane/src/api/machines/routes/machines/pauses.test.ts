/** Machines that are hibernated, resumed under another id, forked and captured. */
import { FastvmError } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeImages } from "../../../../testing/fake-images.ts";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";

let api: MachinesApp;

beforeEach(async () => {
  api = await machinesApp({ images: FakeImages.of("python:3.13") });
});
afterEach(() => api[Symbol.asyncDispose]());

const create = (body: object = {}) => api.ok("POST /v1/machines", body);
const callsOf = (method: string) => api.fastvm.worker.calls.filter((call) => call.method === method).length;

describe("a machine that is hibernated", () => {
  test.each(["POST /v1/machines/{}/hibernate", "POST /v1/machines/{}/pause"])("by %s", async (route) => {
    const { id } = await create();
    const snapshot = await api.ok(route.replace("{}", id));
    expect(snapshot).toMatchObject({ kind: "pause", machine_id: id, status: "ready", template: "base" });
    expect(snapshot.id).toMatch(/^snap_/);
    expect(await api.ok(`GET /v1/machines/${id}`)).toMatchObject({
      id,
      status: "paused",
      snapshot_id: snapshot.id,
      timeout_at: null,
      remaining_ms: expect.any(Number),
    });
    expect(await api.ok(route.replace("{}", id))).toEqual(snapshot);
    expect(callsOf("pause")).toBe(1);
    expect(await api.ok(`GET /v1/snapshots/${snapshot.id}`)).toEqual(snapshot);
  });

  test("is woken by no reading", async () => {
    const { id } = await create();
    const { id: pause } = await api.ok(`POST /v1/machines/${id}/hibernate`);
    for (const path of [
      `machines/${id}`,
      "machines",
      `machines/${id}?fields=id,status`,
      `snapshots/${pause}`,
    ]) {
      await api.ok(`GET /v1/${path}`);
    }
    expect(callsOf("resume")).toBe(0);
    expect((await api.ok(`GET /v1/machines/${id}`)).status).toBe("paused");
  });

  test("goes on under a new id, and its earlier ids lead there", async () => {
    const { id: first } = await create({ timeout_ms: 60_000 });
    const { id: pause } = await api.ok(`POST /v1/machines/${first}/hibernate`);
    const second = await api.ok(`POST /v1/machines/${pause}/resume`);
    expect(second).toMatchObject({ status: "running", snapshot_id: null, timeout_ms: 60_000 });
    expect(second.id).not.toBe(first);
    for (const id of [first, second.id]) {
      expect(await api.ok(`GET /v1/machines/${id}?fields=id,status`)).toEqual({
        id: second.id,
        status: "running",
      });
    }
    const next = await api.ok(`POST /v1/machines/${first}/pause`);
    const third = await api.ok(`POST /v1/machines/${next.id}/resume`);
    expect(new Set([first, second.id, third.id]).size).toBe(3);
    expect((await api.ok("GET /v1/machines")).map(({ id }: { id: string }) => id)).toEqual([third.id]);
    expect(await api.ok(`DELETE /v1/machines/${first}`)).toEqual({ id: third.id, status: "destroyed" });
    for (const id of [first, second.id, third.id]) {
      expect(await api.call(`GET /v1/machines/${id}`)).toMatchObject({ status: 404 });
    }
  });

  test("is resumed once, however often and by however many", async () => {
    const { id } = await create();
    const { id: pause } = await api.ok(`POST /v1/machines/${id}/hibernate`);
    const orders = Array.from({ length: 5 }, () => api.ok(`POST /v1/machines/${pause}/resume`));
    const ids = new Set((await Promise.all(orders)).map((machine) => machine.id));
    expect(ids.size).toBe(1);
    expect([(await api.ok(`POST /v1/machines/${pause}/resume`)).id]).toEqual([...ids]);
    expect(callsOf("resume")).toBe(1);
  });

  test("is not resumed by a pause before the last one, nor by what is no pause", async () => {
    const { id } = await create();
    const { id: first } = await api.ok(`POST /v1/machines/${id}/hibernate`);
    await api.ok(`POST /v1/machines/${first}/resume`);
    await api.ok(`POST /v1/machines/${id}/hibernate`);
    expect(await api.call(`POST /v1/machines/${first}/resume`)).toMatchObject({
      status: 404,
      body: { code: "snapshot_not_found" },
    });
    const reusable = await api.ok(`POST /v1/machines/${id}/snapshots`);
    expect(await api.call(`POST /v1/machines/${reusable.id}/resume`)).toMatchObject({
      status: 400,
      body: { code: "invalid_request" },
    });
    expect(await api.ok(`POST /v1/machines/${id}/resume`)).toMatchObject({ status: "running" });
  });

  test("that was destroyed is not resumed", async () => {
    const { id } = await create();
    const { id: pause } = await api.ok(`POST /v1/machines/${id}/hibernate`);
    await api.ok(`DELETE /v1/machines/${id}`);
    expect(await api.call(`POST /v1/machines/${pause}/resume`)).toMatchObject({ status: 404 });
  });
});

describe("POST /v1/machines/{machineId}/fork", () => {
  test("makes a machine of its own, and the parent goes on", async () => {
    const asked = { metadata: { team: "a" }, cwd: "/srv", timeout_ms: 60_000, timeout_action: "hibernate" };
    const parent = await create({ ...asked, auto_resume: true });
    const child = await api.ok(`POST /v1/machines/${parent.id}/fork`);
    expect(child.id).not.toBe(parent.id);
    expect(child).toMatchObject({ status: "running", ...asked, auto_resume: true, config: parent.config });
    expect((await api.ok(`GET /v1/machines/${parent.id}`)).status).toBe("running");
    await api.ok(`POST /v1/machines/${child.id}/fork`);
    await api.ok(`POST /v1/machines/${child.id}/hibernate`);
    expect(await api.ok("GET /v1/machines?state=running")).toMatchObject({ machines: { length: 2 } });
  });

  test("that fails is told, and leaves nothing", async () => {
    const { id } = await create();
    api.fastvm.worker.failingChildren.set(0, new Error("no"));
    expect((await api.call(`POST /v1/machines/${id}/fork`)).status).toBe(500);
    expect(await api.ok("GET /v1/machines")).toHaveLength(1);
  });
});

test("what cannot go on on this host is told so, and is not begun anew", async () => {
  const { id } = await create();
  const { id: snapshot_id } = await api.ok(`POST /v1/machines/${id}/snapshots`);
  await api.ok(`POST /v1/machines/${id}/hibernate`);
  const incompatible = { status: 409, body: { code: "incompatible_snapshot", retryable: false } };
  for (const method of ["resume", "launch"] as const) {
    api.fastvm.worker.failNext(method, new FastvmError("snapshot_incompatible"));
  }
  expect(await api.call(`POST /v1/machines/${id}/resume`)).toMatchObject(incompatible);
  expect(await api.call("POST /v1/machines", { snapshot_id })).toMatchObject(incompatible);
  expect((await api.ok(`GET /v1/machines/${id}`)).status).toBe("paused");
  expect(await api.ok("GET /v1/machines?state=running")).toMatchObject({ machines: [] });
});

describe("reusable snapshots", () => {
  test("POST /v1/machines/{machineId}/snapshots makes one, of which lists and readers know", async () => {
    const { id } = await create({ template: "python:3.13" });
    const { id: other } = await create();
    const snapshot = await api.ok(`POST /v1/machines/${id}/snapshots`);
    const second = await api.ok(`POST /v1/machines/${other}/snapshots`);
    expect(snapshot).toMatchObject({
      kind: "reusable",
      machine_id: id,
      status: "ready",
      template: "python:3.13",
    });
    expect((await api.ok("GET /v1/snapshots")).snapshots).toHaveLength(2);
    expect(await api.ok(`GET /v1/snapshots?machine_id=${id}`)).toEqual({ snapshots: [snapshot] });
    expect(await api.ok("GET /v1/snapshots?machine_id=none")).toEqual({ snapshots: [] });
    expect(await api.ok(`DELETE /v1/snapshots/${second.id}`)).toEqual({ id: second.id, deleted: true });
    expect(await api.call(`GET /v1/snapshots/${second.id}`)).toMatchObject({
      status: 404,
      body: { code: "snapshot_not_found" },
    });
    expect((await api.ok(`GET /v1/machines/${id}`)).status).toBe("running");
  });

  test("are FastVM's, too", async () => {
    const { id } = await create();
    const snapshot = await api.ok(`POST /v1/machines/${id}/snapshots`);
    const [known] = (await api.fastvm.call("GET /v1/snapshots")).body;
    expect(`snap_${known.id.replaceAll("-", "")}`).toBe(snapshot.id);
  });

  test("DELETE /v1/snapshots/{snapshotId} leaves a pause alone", async () => {
    const { id } = await create();
    const { id: pause } = await api.ok(`POST /v1/machines/${id}/hibernate`);
    expect(await api.call(`DELETE /v1/snapshots/${pause}`)).toMatchObject({ status: 404 });
    expect((await api.ok(`POST /v1/machines/${pause}/resume`)).status).toBe("running");
  });
});

test("a machine that does not run is not captured, forked or paused", async () => {
  api.fastvm.worker.memoryMib = 300;
  await create();
  const { id } = await create();
  for (const path of ["hibernate", "fork", "snapshots"]) {
    const answer = await api.call(`POST /v1/machines/${id}/${path}`);
    expect(answer, path).toMatchObject({
      status: 409,
      body: { code: "machine_not_ready", retryable: false },
    });
  }
});
