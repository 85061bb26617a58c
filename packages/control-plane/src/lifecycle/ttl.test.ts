import { describe, expect, test } from "vitest";
import { eventually } from "../testing/eventually.ts";
import { testApp, type TestApp } from "../testing/test-app.ts";

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

  test("pauses the VM when it is over, and is whole again for the next session", async () => {
    await using api = await testApp({ config: { expireEveryMs: 20 } });
    const { id } = await launch(api, { action: "pause", seconds: 1 });
    await eventually(async () => expect((await api.call(`GET /v1/vms/${id}`)).body.status).toBe("paused"));
    expect((await api.call(`GET /v1/vms/${id}`)).body.ttlRemainingMs).toBe(1000);
    const events = await api.store.events.listFor(id);
    expect(events.at(-1)).toMatchObject({ cause: "pause_succeeded", actor: "ttl" });
  });

  test("deletes the VM when it is over, but not while it is paused", async () => {
    await using api = await testApp({ config: { expireEveryMs: 20 } });
    const frozen = await launch(api, { action: "delete", seconds: 1 });
    await api.call(`POST /v1/vms/${frozen.id}/pause`);
    const gone = await launch(api, { action: "delete", seconds: 1 });
    await eventually(async () => expect((await api.call(`GET /v1/vms/${gone.id}`)).status).toBe(404));
    expect((await api.call(`GET /v1/vms/${frozen.id}`)).body.status).toBe("paused");
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
