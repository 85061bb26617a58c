/** The clocks of machines: the timeout, its renewal, idleness, and pauses that last too long. */
import type { VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";

let api: MachinesApp;

beforeEach(async () => {
  api = await machinesApp({ config: { expireEveryMs: 10 } });
});
afterEach(() => api[Symbol.asyncDispose]());

const create = (body: object = {}) => api.ok("POST /v1/machines", body);
const status = async (id: string): Promise<string> => {
  const answer = await api.call(`GET /v1/machines/${id}`);
  return answer.status === 404 ? "gone" : answer.body.status;
};

describe("the timeout", () => {
  test.each([
    ["destroy", "gone"],
    ["hibernate", "paused"],
  ])("whose action is %s leaves a machine %s", async (timeout_action, after) => {
    const { id } = await create({ timeout_action, timeout_ms: 60_000 });
    api.fastvm.worker.expire(vmIdOf(id));
    await expect.poll(() => status(id)).toBe(after);
  });

  test("POST /v1/machines/{machineId}/timeout begins it anew, with the action that it had", async () => {
    const { id } = await create({ timeout_action: "hibernate", timeout_ms: 60_000 });
    const before = Date.now();
    const lease = await api.ok(`POST /v1/machines/${id}/timeout`, { timeout_ms: 120_000 });
    expect(lease).toMatchObject({ timeout_ms: 120_000, timeout_action: "hibernate" });
    expect(Date.parse(lease.timeout_at)).toBeGreaterThanOrEqual(before + 120_000);
    expect(lease.remaining_ms).toBeGreaterThan(100_000);
    expect(lease.remaining_ms).toBeLessThanOrEqual(120_000);
    expect(await api.ok(`GET /v1/machines/${id}`)).toMatchObject({ timeout_at: lease.timeout_at });
    expect(api.fastvm.worker.vms.get(vmIdOf(id))?.deadline).toEqual({
      action: "pause",
      atMs: Date.parse(lease.timeout_at),
    });
    const other = await api.ok(`POST /v1/machines/${id}/timeout`, {
      timeout_ms: 1,
      timeout_action: "destroy",
    });
    expect(other).toMatchObject({ timeout_ms: 1000, timeout_action: "destroy" });
  });

  test("of a paused machine waits for its next execution", async () => {
    const { id } = await create({ timeout_ms: 60_000 });
    await api.ok(`POST /v1/machines/${id}/pause`);
    const lease = await api.ok(`POST /v1/machines/${id}/timeout`, { timeout_ms: 30_000 });
    expect(lease).toEqual({
      timeout_ms: 30_000,
      timeout_action: "destroy",
      timeout_at: null,
      remaining_ms: 30_000,
    });
  });

  test("of a machine that requests wake is not changed to destroy it", async () => {
    const { id } = await create({ timeout_action: "hibernate", auto_resume: true });
    const refused = await api.call(`POST /v1/machines/${id}/timeout`, {
      timeout_ms: 1,
      timeout_action: "destroy",
    });
    expect(refused).toMatchObject({
      status: 400,
      body: { code: "invalid_request", field: "timeout_action" },
    });
    expect(await api.ok(`POST /v1/machines/${id}/timeout`, { timeout_ms: 5000 })).toMatchObject({
      timeout_action: "hibernate",
    });
  });

  test("of an ephemeral machine is not changed to hibernate it", async () => {
    const { id } = await create({ ephemeral: true });
    const refused = await api.call(`POST /v1/machines/${id}/timeout`, {
      timeout_ms: 1,
      timeout_action: "hibernate",
    });
    expect(refused).toMatchObject({ status: 400, body: { field: "timeout_action" } });
  });

  test.each([{}, { timeout_ms: 0 }, { timeout_ms: 1.5 }, { timeout_ms: 2 ** 53 }])(
    "%j is refused",
    async (body) => {
      const { id } = await create();
      expect(await api.call(`POST /v1/machines/${id}/timeout`, body)).toMatchObject({ status: 400 });
    },
  );
});

describe("idleness", () => {
  test.each([
    [{ timeout_action: "hibernate" }, "paused"],
    [{ timeout_action: "destroy" }, "gone"],
    [{ ephemeral: true }, "gone"],
  ])("of a machine with %j leaves it %s", async (body, after) => {
    const { id } = await create({ ...body, inactivity_timeout_ms: 30 });
    await expect.poll(() => status(id)).toBe(after);
  });

  test("is not that of a machine without such a timeout", async () => {
    const { id } = await create();
    const { id: idle } = await create({ inactivity_timeout_ms: 1 });
    await expect.poll(() => status(idle)).toBe("gone");
    expect(await status(id)).toBe("running");
  });

  test("does not begin while a command runs, and begins anew with its end", async () => {
    const finish = Promise.withResolvers<void>();
    api.fastvm.worker.command = async function* ({ command: [program] }) {
      // Not what a guest does before its end.
      if (program === "sleep") await finish.promise;
      yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
    };
    const { id } = await create({ inactivity_timeout_ms: 50 });
    const command = api.fastvm.call(`POST /v1/vms/${vmIdOf(id)}/exec`, { command: ["sleep"] });
    const { id: idle } = await create({ inactivity_timeout_ms: 200 });
    await expect.poll(() => status(idle)).toBe("gone");
    expect(await status(id)).toBe("running");
    const whileUsed = (await api.ok(`GET /v1/machines/${id}`)).last_active_at;
    finish.resolve();
    expect((await command).status).toBe(200);
    await expect.poll(() => status(id)).toBe("gone");
    expect(Date.parse(whileUsed)).toBeGreaterThan(0);
  });

  test("ends with each use, and no reading of its record is one", async () => {
    const { id } = await create();
    const { last_active_at: before } = await api.ok(`GET /v1/machines/${id}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await api.ok(`GET /v1/machines/${id}`)).last_active_at).toBe(before);
    await api.fastvm.call(`GET /v1/vms/${vmIdOf(id)}/files?path=/`);
    expect((await api.ok(`GET /v1/machines/${id}`)).last_active_at > before).toBe(true);
  });

  test("is reckoned from the start of each execution", async () => {
    const { id } = await create({ timeout_action: "hibernate", inactivity_timeout_ms: 60_000 });
    await api.ok(`POST /v1/machines/${id}/pause`);
    await api.fastvm.store.vms.update(vmIdOf(id), { lastActiveAt: 1 });
    await api.ok(`POST /v1/machines/${id}/resume`);
    expect(Date.parse((await api.ok(`GET /v1/machines/${id}`)).last_active_at)).toBeGreaterThan(1);
    expect(await status(id)).toBe("running");
  });
});

describe("auto-delete", () => {
  test("ends a machine that is paused for too long, and none that runs", async () => {
    const { id: running } = await create({ auto_delete_after_ms: 1 });
    const { id: paused } = await create({ auto_delete_after_ms: 30 });
    await api.ok(`POST /v1/machines/${paused}/pause`);
    await expect.poll(() => status(paused)).toBe("gone");
    expect(await status(running)).toBe("running");
  });

  test("begins with each pause", async () => {
    const { id } = await create({ auto_delete_after_ms: 60_000 });
    await api.ok(`POST /v1/machines/${id}/pause`);
    await api.fastvm.store.vms.update(vmIdOf(id), { pausedAt: Date.now() - 59_000 });
    await api.ok(`POST /v1/machines/${id}/resume`);
    await api.ok(`POST /v1/machines/${id}/pause`);
    const { id: other } = await create({ auto_delete_after_ms: 1 });
    await api.ok(`POST /v1/machines/${other}/pause`);
    await expect.poll(() => status(other)).toBe("gone");
    expect(await status(id)).toBe("paused");
  });
});

function vmIdOf(machineId: string): VmId {
  return machineId
    .replace(/^mch_(.{32}).*$/, "$1")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") as VmId;
}
