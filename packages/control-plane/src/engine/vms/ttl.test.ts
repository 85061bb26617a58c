import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../store/store.ts";
import { openMemoryStore } from "../../testing/memory-store.ts";
import { eventually } from "../../testing/eventually.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";

const HOUR = { action: "pause", seconds: 3600 } as const;
const HOUR_MS = 3_600_000;

async function launch(api: TestApp, ttl: object | undefined) {
  const answer = await api.call("POST /v1/vms", {
    machineType: "c1m2",
    ...(ttl === undefined ? {} : { ttl }),
  });
  return answer.body;
}

function isAbout(value: number, expected: number): void {
  expect(Math.abs(value - expected)).toBeLessThan(2000);
}

describe("a time to live", () => {
  test("ends at an instant while the VM runs and is an amount while it is paused", async () => {
    await using api = await testApp();
    const vm = await launch(api, HOUR);
    expect(vm.ttl).toEqual(HOUR);
    isAbout(vm.expiresAtMs, Date.now() + HOUR_MS);
    expect(vm).not.toHaveProperty("ttlRemainingMs");
    const paused = (await api.call(`POST /v1/vms/${vm.id}/pause`)).body;
    isAbout(paused.ttlRemainingMs, HOUR_MS);
    expect(paused).not.toHaveProperty("expiresAtMs");
    await new Promise((resolve) => setTimeout(resolve, 60));
    const resumed = (await api.call(`POST /v1/vms/${vm.id}/resume`)).body;
    expect(resumed.expiresAtMs - vm.expiresAtMs).toBeGreaterThanOrEqual(50);
    expect(resumed).not.toHaveProperty("ttlRemainingMs");
  });

  test("is replaced, removed and kept by PATCH", async () => {
    await using api = await testApp();
    const { id } = await launch(api, undefined);
    const patch = async (body: object) => (await api.call(`PATCH /v1/vms/${id}`, body)).body;
    const set = await patch({ ttl: { action: "delete", seconds: 100 } });
    isAbout(set.expiresAtMs, Date.now() + 100_000);
    expect((await patch({ name: "n" })).expiresAtMs).toBe(set.expiresAtMs);
    const removed = await patch({ ttl: null });
    expect(removed).not.toHaveProperty("ttl");
    expect(removed).not.toHaveProperty("expiresAtMs");
    await api.call(`POST /v1/vms/${id}/pause`);
    expect((await patch({ ttl: { action: "delete", seconds: 7 } })).ttlRemainingMs).toBe(7000);
  });

  test("is refreshed, running or paused", async () => {
    await using api = await testApp();
    const { id, expiresAtMs } = await launch(api, { action: "pause", seconds: 5 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const running = (await api.call(`POST /v1/vms/${id}/ttl/refresh`)).body;
    expect(running.expiresAtMs).toBeGreaterThan(expiresAtMs);
    await api.call(`POST /v1/vms/${id}/pause`);
    const paused = (await api.call(`POST /v1/vms/${id}/ttl/refresh`)).body;
    expect(paused.ttlRemainingMs).toBe(5000);
  });

  test("is enforced by the worker, which is told of it and of every change", async () => {
    await using api = await testApp();
    const { id, expiresAtMs } = await launch(api, HOUR);
    const deadline = () => api.worker.vms.get(id)?.deadline;
    expect(deadline()).toEqual({ action: "pause", atMs: expiresAtMs });
    const set = await api.call(`PATCH /v1/vms/${id}`, { ttl: { action: "delete", seconds: 100 } });
    expect(deadline()).toEqual({ action: "delete", atMs: set.body.expiresAtMs });
    const refreshed = await api.call(`POST /v1/vms/${id}/ttl/refresh`);
    expect(deadline()).toEqual({ action: "delete", atMs: refreshed.body.expiresAtMs });
    await api.call(`POST /v1/vms/${id}/pause`);
    expect(deadline()).toBeUndefined();
    const resumed = await api.call(`POST /v1/vms/${id}/resume`);
    expect(deadline()).toEqual({ action: "delete", atMs: resumed.body.expiresAtMs });
    await api.call(`PATCH /v1/vms/${id}`, { ttl: null });
    expect(deadline()).toBeUndefined();
    const child = (await api.call(`POST /v1/vms/${(await launch(api, HOUR)).id}/fork`)).body.children[0].vm;
    expect(api.worker.vms.get(child.id)?.deadline?.atMs).toBe(child.expiresAtMs);
  });

  test("that changes while the VM is started is the one that counts", async () => {
    await using api = await testApp({ config: { launchAnswerMs: 20 } });
    const release = api.worker.hold("launch");
    const { id } = await launch(api, HOUR);
    await api.call(`PATCH /v1/vms/${id}`, { ttl: null });
    release();
    await eventually(async () => expect((await api.call(`GET /v1/vms/${id}`)).body.status).toBe("running"));
    await eventually(() => expect(api.worker.vms.get(id)?.deadline).toBeUndefined());
  });

  test("pauses the VM when it is over, and is whole again for the next session", async () => {
    await using api = await testApp();
    const { id } = await launch(api, { action: "pause", seconds: 1 });
    api.worker.expire(id);
    await eventually(async () => expect((await api.call(`GET /v1/vms/${id}`)).body.status).toBe("paused"));
    const paused = (await api.call(`GET /v1/vms/${id}`)).body;
    expect(paused).toHaveProperty("pausedAt");
    const events = await api.store.events.listFor(id);
    expect(events.at(-1)).toMatchObject({ cause: "expired", actor: "ttl", toStatus: "paused" });
    await api.call(`PATCH /v1/vms/${id}`, { ttl: { action: "pause", seconds: 9 } });
    expect((await api.call(`POST /v1/vms/${id}/resume`)).body.status).toBe("running");
  });

  test("deletes the VM when it is over, but not while it is paused", async () => {
    await using api = await testApp({ config: { expireEveryMs: 20, expiryGraceMs: 0 } });
    const frozen = await launch(api, { action: "delete", seconds: 1 });
    await api.call(`POST /v1/vms/${frozen.id}/pause`);
    const gone = await launch(api, { action: "delete", seconds: 100 });
    api.worker.expire(gone.id);
    await eventually(async () => expect((await api.call(`GET /v1/vms/${gone.id}`)).status).toBe(404));
    const events = await api.store.events.listFor(gone.id);
    expect(events.at(-1)).toMatchObject({ cause: "expired", actor: "ttl", toStatus: null });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await api.call(`GET /v1/vms/${frozen.id}`)).body.status).toBe("paused");
  });

  test("that begins anew right as it ends deletes nothing", async () => {
    await using api = await testApp({ config: { expireEveryMs: 10, expiryGraceMs: 0 } });
    const { id } = await launch(api, { ...HOUR, action: "delete" });
    const { vms } = api.store;
    const list = vms.listExpired.bind(vms);
    const seen: number[] = [];
    vms.listExpired = async (...args) => {
      const found = await list(...args);
      if (found.length > 0) await api.call(`POST /v1/vms/${id}/ttl/refresh`);
      if (found.length > 0 || seen.length > 0) seen.push(found.length);
      return found;
    };
    await vms.update(id, { expiresAt: Date.now() - 1 });
    await eventually(() => expect(seen.length).toBeGreaterThan(1));
    expect(seen.slice(0, 2)).toEqual([1, 0]);
    expect((await api.call(`GET /v1/vms/${id}`)).body.status).toBe("running");
  });

  test.each(["pause", "delete"] as const)("whose end was not told is found out: %s", async (action) => {
    await using api = await testApp({ config: { expireEveryMs: 20, expiryGraceMs: 100 } });
    const { id } = await launch(api, { action, seconds: 1 });
    api.worker.expire(id, "lost");
    const expected = action === "pause" ? "paused" : undefined;
    await eventually(async () => expect((await api.call(`GET /v1/vms/${id}`)).body.status).toBe(expected));
  });

  test("news of an end that the owner's own pause and resume have overtaken change nothing", async () => {
    await using api = await testApp();
    const { id } = await launch(api, HOUR);
    await api.call(`POST /v1/vms/${id}/pause`);
    await api.call(`POST /v1/vms/${id}/resume`);
    api.worker.emit({ kind: "vm_expired", vmId: id, action: "pause", atMs: Date.now() });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await api.call(`GET /v1/vms/${id}`)).body.status).toBe("running");
  });

  test("is inherited by the children of a fork, whole, and not by what is restored from a snapshot", async () => {
    await using api = await testApp();
    const { id } = await launch(api, HOUR);
    const fork = (await api.call(`POST /v1/vms/${id}/fork`)).body;
    expect(fork.children[0].vm.ttl).toEqual(HOUR);
    isAbout(fork.children[0].vm.expiresAtMs, Date.now() + HOUR_MS);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
    expect((await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body).not.toHaveProperty("ttl");
  });
});

describe("after the control plane was down", () => {
  /** A VM whose time is over meanwhile, one whose deadline the worker lost. */
  async function overRestart(action: "pause" | "delete") {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-ttl-"));
    const path = join(folder, "state.db");
    const worker = new FakeWorker();
    const before = await testApp({ worker, store: await openSqliteStore(path) });
    const { id } = await launch(before, { action, seconds: 1 });
    const { id: other } = await launch(before, HOUR);
    await before[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, 1050));
    worker.expire(id, "lost");
    await worker.setDeadline(other, null);
    const after = await testApp({ worker, store: await openSqliteStore(path) });
    const records = {
      events: await after.store.events.listFor(id),
      ended: await after.store.vms.get(id),
      other: await after.store.vms.get(other),
    };
    await after[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
    return { ...records, deadline: worker.vms.get(other)?.deadline };
  }

  test.each([
    ["pause", "paused"],
    ["delete", undefined],
  ] as const)("a VM that its worker ended by %s has that in its record", async (action, status) => {
    const { events, ended } = await overRestart(action);
    expect(events.at(-1)).toMatchObject({ cause: "expired", toStatus: status ?? null });
    expect(ended?.status).toBe(status);
  });

  test("a VM that was deleted by its end in the middle of a pause is gone, not lost", async () => {
    const store = await openMemoryStore();
    await using api = await testApp({ store });
    const { id } = await launch(api, { action: "delete", seconds: 1 });
    api.worker.hold("pause");
    api.call(`POST /v1/vms/${id}/pause`).catch(() => undefined);
    await eventually(async () => expect((await store.vms.get(id))?.status).toBe("pausing"));
    await new Promise((resolve) => setTimeout(resolve, 1050));
    api.worker.expire(id, "lost");
    await using next = await testApp({ store, worker: api.worker });
    expect(await next.store.vms.get(id)).toBeUndefined();
  });

  test("the worker is told of every deadline again", async () => {
    const { other, deadline } = await overRestart("pause");
    expect(deadline).toEqual({ action: "pause", atMs: other?.expiresAt });
  });
});
