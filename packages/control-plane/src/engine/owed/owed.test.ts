/** What a worker is still to be told of a record is told, also by the process after the one that changed it. */
import { FastvmError, hookSteps, type StepName, type VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";
import { TEST_STORES } from "../../testing/test-stores.ts";
import type { Store } from "../../store/store.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const CLOSED = { egress: { default: "deny", rules: [] } };
const TTL = { action: "pause", seconds: 3600 };
const NEVER_MS = 3_600_000;

describe.each(TEST_STORES)("on $name", ({ open }) => {
  let store: Store;
  let worker: FakeWorker;
  let id: VmId;

  beforeEach(async () => {
    [store, worker] = [await open(), new FakeWorker()];
  });

  afterEach(() => store.close());

  const kept = (): Store => ({ ...store, close: async () => undefined });

  async function app(insistEveryMs: number): Promise<TestApp> {
    return testApp({
      store: kept(),
      worker,
      config: { insistEveryMs, reconcileEveryMs: NEVER_MS, closeGraceMs: 0 },
    });
  }

  /** The process is no more: whatever it has not done at this step it never does. */
  async function diesAt(step: StepName, route: string, body: object): Promise<void> {
    const first = await app(NEVER_MS);
    id = (await first.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    const unhook = hookSteps((name) => {
      if (name !== step) return Promise.resolve();
      resolve();
      return new Promise(() => undefined);
    });
    onTestFinished(unhook);
    void first.call(route.replace("ID", id), body).catch(() => undefined);
    await reached;
    unhook();
  }

  const vm = () => worker.vms.get(id);

  test.each([
    ["an organisation's key", "control.keys.recorded", "POST /v1/me/ssh-keys", { publicKey: KEY }],
    ["a VM's key", "control.keys.recorded", "POST /v1/vms/ID/ssh-keys", { publicKey: KEY }],
  ] as const)("%s that was recorded is told by the next process", async (_name, step, route, body) => {
    await diesAt(step, route, body);
    await using _next = await app(NEVER_MS);
    await eventually(() => expect(vm()?.authorizedKeys).toEqual([KEY]));
    expect(await store.owed.of(id)).toEqual([]);
  });

  test.each([
    ["a key", "control.keys.installed", "POST /v1/vms/ID/ssh-keys", { publicKey: KEY }],
    ["a policy", "control.network.enforced", "PUT /v1/vms/ID/firewall", CLOSED],
  ] as const)(
    "%s that was told and not recorded is taken back by the next process",
    async (_name, step, route, body) => {
      await diesAt(step, route, body);
      await using next = await app(NEVER_MS);
      await eventually(() =>
        expect(vm()).toMatchObject({ authorizedKeys: [], network: { egress: { default: "allow" } } }),
      );
      expect((await next.call(`GET /v1/vms/${id}/ssh-keys`)).body.keys).toEqual([]);
      expect(await store.owed.of(id)).toEqual([]);
    },
  );

  test("a guest that was mute gets its organisation's key as soon as it answers, and no later start is needed", async () => {
    await using api = await app(10);
    id = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
    for (const _ of [1, 2, 3]) worker.failNext("setAuthorizedKeys", new FastvmError("guest_unresponsive"));
    expect((await api.call("POST /v1/me/ssh-keys", { publicKey: KEY })).status).toBe(201);
    expect(vm()?.authorizedKeys).toEqual([]);
    await eventually(() => expect(vm()?.authorizedKeys).toEqual([KEY]));
    await eventually(async () => expect(await store.owed.of(id)).toEqual([]));
  });

  test("a deadline that the worker refused is told again", async () => {
    await using api = await app(10);
    id = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
    worker.failNext("setDeadline", new FastvmError("internal"));
    await api.call(`PATCH /v1/vms/${id}`, { ttl: TTL });
    await eventually(() => expect(vm()?.deadline?.action).toBe("pause"));
  });

  test("what is owed to a VM that is paused meanwhile is paid by its next start", async () => {
    await using api = await app(10);
    id = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
    await api.call(`POST /v1/vms/${id}/pause`);
    await store.transaction((records) => records.owed.put(id, "keys"));
    // Nothing is owed to one that will learn everything anyway.
    expect(await store.owed.of(id)).toEqual([]);
    await api.call("POST /v1/me/ssh-keys", { publicKey: KEY });
    await api.call(`POST /v1/vms/${id}/resume`);
    expect(vm()?.authorizedKeys).toEqual([KEY]);
  });

  test("a change that comes while an older one is told is still owed, and goes with its VM", async () => {
    await using api = await app(NEVER_MS);
    id = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id;
    const older = await store.owed.put(id, "keys");
    await store.owed.put(id, "keys");
    if (older === undefined) throw new Error("nothing is owed");
    await store.owed.settle(older);
    expect(await store.owed.of(id)).toMatchObject([{ kind: "keys", revision: 2 }]);
    await api.call(`DELETE /v1/vms/${id}`);
    expect(await store.owed.vmIds()).toEqual(new Set());
  });
});
