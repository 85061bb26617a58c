/** VMs that end by themselves: when, how, what their guests do before, and what is said of it. */
import { FastvmError, type ExecSpec, type VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";

const HOUR = { action: "pause", seconds: 3600 } as const;
const HOUR_MS = 3_600_000;
const HOOK = "/etc/fastvm/before-stop";

let api: TestApp;
/** What was run in guests. */
let ran: ExecSpec[];
/** How long it takes there. */
let lasts: Promise<unknown>;

beforeEach(async () => {
  api = await testApp({ config: { expireEveryMs: 10, beforeStopMs: 200 } });
  [ran, lasts] = [[], Promise.resolve()];
  api.worker.command = async function* (spec) {
    ran.push(spec);
    await lasts;
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
});
afterEach(() => api[Symbol.asyncDispose]());

async function launch(body: object = {}) {
  const answer = await api.call("POST /v1/vms", { machineType: "c1m2", ...body });
  expect(answer.status).toBe(201);
  return answer.body;
}
const get = async (id: VmId) => (await api.call(`GET /v1/vms/${id}`)).body;
const patch = async (id: VmId, body: object) => (await api.call(`PATCH /v1/vms/${id}`, body)).body;
const status = async (id: VmId): Promise<string> => {
  const answer = await api.call(`GET /v1/vms/${id}`);
  return answer.status === 404 ? "gone" : answer.body.status;
};
/** As if it had been made, or used last, an hour earlier. */
const age = async (id: VmId) => {
  const vm = await api.store.vms.get(id);
  await api.store.vms.update(id, {
    ...(typeof vm?.lifeEndsAt === "number" ? { lifeEndsAt: vm.lifeEndsAt - HOUR_MS } : {}),
    ...(typeof vm?.lastActiveAt === "number" ? { lastActiveAt: vm.lastActiveAt - HOUR_MS } : {}),
  });
};

const ENDS = [
  ["pause", "paused"],
  ["stop", "stopped"],
  ["delete", "gone"],
] as const;

describe.each([
  ["maxLife", "max-life", "Its life of at most 3600 s was over"],
  ["idle", "idle", "Nobody used it for 3600 s"],
] as const)("%s", (field, cause, reason) => {
  const deadline = field === "maxLife" ? "lifeEndsAtMs" : "idleEndsAtMs";

  test.each(ENDS)(
    "whose action is %s leaves a VM %s, after its guest's word, and says why",
    async (action, after) => {
      const { id } = await launch({ [field]: { action, seconds: 3600 } });
      const other = await launch({ [field]: { action, seconds: 7200 } });
      await age(id);
      await age(other.id);
      await expect.poll(() => status(id)).toBe(after);
      expect(await status(other.id)).toBe("running");
      expect(ran).toHaveLength(1);
      expect(ran[0]).toMatchObject({
        command: [HOOK, action, cause],
        env: { FASTVM_ACTION: action, FASTVM_CAUSE: cause },
      });
      const last = (await api.store.events.listFor(id)).at(-1);
      expect(last).toMatchObject({ actor: cause, detail: reason, toStatus: after === "gone" ? null : after });
      if (after !== "gone") expect(await get(id)).toMatchObject({ statusReason: reason });
    },
  );

  test("is in every answer with its end, replaced and removed by PATCH, and counts anew then", async () => {
    const before = Date.now();
    const launched = await launch({ [field]: HOUR });
    const { id } = launched;
    expect(launched[field]).toEqual(HOUR);
    expect(launched[deadline]).toBeGreaterThanOrEqual(before + HOUR_MS);
    expect(launched[deadline]).toBeLessThanOrEqual(Date.now() + HOUR_MS);
    const shown = { [field]: HOUR, [deadline]: launched[deadline] };
    expect(await get(id)).toMatchObject(shown);
    expect((await api.call("GET /v1/vms")).body).toMatchObject([shown]);
    expect(await patch(id, { name: "n" })).toMatchObject(shown);
    // Not over yet.
    await api.store.vms.update(id, { lastActiveAt: before - HOUR_MS / 2 });
    const replaced = await patch(id, { [field]: { action: "stop", seconds: 7200 } });
    expect(replaced[field]).toEqual({ action: "stop", seconds: 7200 });
    expect(replaced[deadline]).toBeGreaterThanOrEqual(before + 2 * HOUR_MS);
    const removed = await patch(id, { [field]: null });
    expect(removed).not.toHaveProperty(field);
    expect(removed).not.toHaveProperty(deadline);
    expect(await status(id)).toBe("running");
  });

  test("goes on to snapshots and forks, each of which counts for itself", async () => {
    const { id } = await launch({ [field]: HOUR });
    const begun = Date.now();
    const child = (await api.call(`POST /v1/vms/${id}/fork`)).body.children[0].vm;
    expect(child[deadline]).toBeGreaterThanOrEqual(begun + HOUR_MS);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
    const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    expect(restored[field]).toEqual(HOUR);
    expect(restored[deadline]).toBeGreaterThanOrEqual(begun + HOUR_MS);
  });

  test.each([
    { action: "kill", seconds: 1 },
    { action: "stop", seconds: 0 },
    { action: "stop" },
    { action: "stop", seconds: 1, sec: 1 },
  ])("%j is refused", async (policy) => {
    const refused = await api.call("POST /v1/vms", { machineType: "c1m2", [field]: policy });
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});

describe("a life", () => {
  test("goes on while the VM is paused, and begins anew with the start after its end", async () => {
    const { id, lifeEndsAtMs } = await launch({ maxLife: HOUR });
    await api.call(`POST /v1/vms/${id}/pause`);
    expect((await get(id)).lifeEndsAtMs).toBe(lifeEndsAtMs);
    expect((await api.call(`POST /v1/vms/${id}/resume`)).body.lifeEndsAtMs).toBe(lifeEndsAtMs);
    await age(id);
    await expect.poll(() => status(id)).toBe("paused");
    expect(await get(id)).not.toHaveProperty("lifeEndsAtMs");
    const resumed = (await api.call(`POST /v1/vms/${id}/resume`)).body;
    expect(resumed.lifeEndsAtMs).toBeGreaterThan(Date.now() + HOUR_MS - 60_000);
    expect(await status(id)).toBe("running");
  });

  test("that ends in deletion ends so for paused and stopped VMs, and those alone", async () => {
    const made = await Promise.all(ENDS.map(([action]) => launch({ maxLife: { action, seconds: 3600 } })));
    const [pausing, stopping, deleted] = made.map(({ id }) => id);
    const stopped = await launch({ maxLife: { action: "delete", seconds: 3600 } });
    await api.call(`POST /v1/vms/${stopped.id}/stop`);
    for (const id of [pausing, stopping, deleted]) await api.call(`POST /v1/vms/${id}/pause`);
    for (const id of [pausing, stopping, deleted, stopped.id]) await age(id);
    await expect.poll(() => status(deleted)).toBe("gone");
    await expect.poll(() => status(stopped.id)).toBe("gone");
    expect([await status(pausing), await status(stopping)]).toEqual(["paused", "paused"]);
    expect(ran).toEqual([]);
  });
});

test("a VM that is resumed right before its policy deletes it stays", async () => {
  const order = { maxLife: { action: "delete", seconds: 3600 } };
  const { id } = await launch(order);
  await api.call(`POST /v1/vms/${id}/pause`);
  const { vms } = api.store;
  const read = vms.get.bind(vms);
  const { promise: resumed, resolve } = Promise.withResolvers<void>();
  vms.get = async (which) => {
    const found = await read(which);
    if (which === id && (found?.lifeEndsAt ?? Infinity) <= Date.now()) {
      vms.get = read;
      expect((await api.call(`POST /v1/vms/${id}/resume`)).body.status).toBe("running");
      resolve();
    }
    return found;
  };
  await age(id);
  await resumed;
  const { id: next } = await launch(order);
  await age(next);
  await expect.poll(() => status(next)).toBe("gone");
  expect(await status(id)).toBe("running");
});

describe("idleness", () => {
  test("is not that of a VM that is used, and its end moves with each use", async () => {
    const { id, idleEndsAtMs } = await launch({ idle: HOUR });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await api.call(`POST /v1/vms/${id}/exec`, { command: ["true"] });
    expect((await get(id)).idleEndsAtMs).toBeGreaterThan(idleEndsAtMs);
    const used = (await get(id)).idleEndsAtMs;
    await api.call(`GET /v1/vms/${id}/stats`);
    expect((await get(id)).idleEndsAtMs).toBe(used);
  });

  test("ends when its guest's own work counts, and does not when it does not", async () => {
    const works = await launch({ idle: { action: "pause", seconds: 1, guestWork: true } });
    const rests = await launch({ idle: { action: "pause", seconds: 1 } });
    let cpuSeconds = 0;
    const process = { uptimeMs: 1, cpuPercent: 100, residentBytes: 1, ownBytes: 1 };
    Object.defineProperty(api.worker, "usage", {
      get: () => ({
        process: { ...process, cpuSeconds: (cpuSeconds += 1) },
        disk: { usedBytes: 1, ownBytes: 1 },
      }),
    });
    await expect.poll(() => status(rests.id)).toBe("paused");
    expect(await status(works.id)).toBe("running");
    Object.defineProperty(api.worker, "usage", {
      get: () => ({ process: { ...process, cpuSeconds }, disk: { usedBytes: 1, ownBytes: 1 } }),
    });
    await expect.poll(() => status(works.id)).toBe("paused");
  });
});

describe("what a guest does before", () => {
  test("is waited for, and a use meanwhile keeps the VM", async () => {
    const finish = Promise.withResolvers<void>();
    lasts = finish.promise;
    const { id } = await launch({ idle: HOUR });
    await age(id);
    await eventually(() => expect(ran).toHaveLength(1));
    expect(await status(id)).toBe("running");
    await api.call(`GET /v1/vms/${id}/files?path=/`);
    finish.resolve();
    const { id: other } = await launch({ idle: HOUR });
    await age(other);
    await expect.poll(() => status(other)).toBe("paused");
    expect(await status(id)).toBe("running");
    expect(ran).toHaveLength(2);
  });

  test("holds up no other VM's end", async () => {
    const { command } = api.worker;
    await api[Symbol.asyncDispose]();
    api = await testApp({ config: { expireEveryMs: 10 } });
    api.worker.command = command;
    const slow = await launch({ idle: HOUR });
    const quick = await launch({ idle: HOUR });
    lasts = new Promise(() => undefined);
    await age(slow.id);
    await eventually(() => expect(ran).toHaveLength(1));
    lasts = Promise.resolve();
    await age(quick.id);
    await expect.poll(() => status(quick.id)).toBe("paused");
    expect(await status(slow.id)).toBe("running");
  });

  test("is no use of the VM, and may fail", async () => {
    api.worker.command = async function* (spec) {
      ran.push(spec);
      yield { kind: "exit", exitCode: 1, timedOut: false, durationMs: 1 };
    };
    const { id } = await launch({ idle: { action: "stop", seconds: 3600 } });
    await age(id);
    await expect.poll(() => status(id)).toBe("stopped");
  });

  test("holds nothing up for longer than it may take, nor the end of the daemon", async () => {
    lasts = new Promise(() => undefined);
    const { id } = await launch({ idle: { action: "stop", seconds: 3600 } });
    await age(id);
    await expect.poll(() => status(id), { timeout: 10_000 }).toBe("stopped");
    expect(ran).toHaveLength(1);
    const { id: waiting } = await launch({ idle: HOUR });
    await age(waiting);
    await eventually(() => expect(ran).toHaveLength(2));
  });

  test("is asked once in a while when the end does not succeed", async () => {
    api.worker.failNext("pause", new FastvmError("out_of_disk"));
    const { id } = await launch({ idle: HOUR });
    const { id: other } = await launch({ idle: { action: "stop", seconds: 3600 } });
    await age(id);
    await eventually(() => expect(ran).toHaveLength(1));
    await age(other);
    await expect.poll(() => status(other)).toBe("stopped");
    expect(await status(id)).toBe("running");
    expect(ran).toHaveLength(2);
  });
});
