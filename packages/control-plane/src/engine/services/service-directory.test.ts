/** What the proxy learns of services, and the waking of VMs. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { ServiceDirectory, VmId } from "@fastvm/contract";
import { generateApiKey, hashApiKey, storeApiKey } from "../keys/api-keys.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { TEST_KEY, testApp, type TestApp } from "../../testing/test-app.ts";

let api: TestApp;
let directory: ServiceDirectory;
let worker: FakeWorker;

beforeEach(async () => {
  worker = new FakeWorker();
  api = await testApp({
    worker,
    config: { queueRetryMs: 20 },
    useDirectory: (made) => {
      directory = made;
    },
  });
});

afterEach(() => api[Symbol.asyncDispose]());

async function launch(body: object = {}): Promise<VmId> {
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2", ...body })).body;
  await api.call(`POST /v1/vms/${id}/services`, { name: "web", port: 8080 });
  return id;
}

const look = async (id: VmId) => directory.lookUp(id, "web");
const resumes = () => worker.calls.filter(({ method }) => method === "resume").length;

describe("a credential", () => {
  test("is known by its form, and a key that the operator has chosen by itself; nothing else is one", async () => {
    const id = await launch();
    const { token } = (await api.call(`POST /v1/vms/${id}/console-token`)).body;
    const { uploadUrl } = (await api.call(`POST /v1/vms/${id}/files/presign`, { path: "/a" })).body;
    const signature = new URL(uploadUrl).searchParams.get("signature");
    const check = await directory.credentialCheck();
    for (const credential of [TEST_KEY, generateApiKey(), token, signature])
      expect(check(credential)).toBe(true);
    for (const own of ["my api key", "x".repeat(600), "", "fvm_short", hashApiKey(TEST_KEY)])
      expect(check(own)).toBe(false);
  });

  test("that another process has added is known soon", async () => {
    const key = "chosen by the operator";
    expect((await directory.credentialCheck())(key)).toBe(false);
    await storeApiKey(api.store, api.orgId, key, { now: () => 0 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5000 });
    onTestFinished(() => void vi.useRealTimers());
    expect((await directory.credentialCheck())(key)).toBe(true);
  });
});

describe("a look at a service", () => {
  test("tells its port, its protocol and how the VM is", async () => {
    const id = await launch({ autoResume: true });
    expect(await look(id)).toEqual({
      kind: "known",
      port: 8080,
      h2c: false,
      status: "running",
      autoResume: true,
    });
    expect(await directory.lookUp(id, "other")).toEqual({ kind: "unknown_service" });
    expect(await look("00000000-0000-4000-8000-000000000000" as VmId)).toEqual({ kind: "unknown_vm" });
  });

  test("never tells what this process has changed since", async () => {
    const id = await launch();
    const known = { kind: "known", port: 8080, h2c: false, status: "running", autoResume: false };
    expect(await look(id)).toEqual(known);
    await api.call(`PUT /v1/vms/${id}/services/web`, { port: 9090, h2c: true });
    expect(await look(id)).toEqual({ ...known, port: 9090, h2c: true });
    await api.call(`PATCH /v1/vms/${id}`, { autoResume: true });
    expect(await look(id)).toMatchObject({ autoResume: true });
    await api.call(`POST /v1/vms/${id}/pause`);
    expect(await look(id)).toMatchObject({ status: "paused" });
    await api.call(`POST /v1/vms/${id}/resume`);
    expect(await look(id)).toMatchObject({ status: "running" });
    worker.emit({ kind: "vm_failed", vmId: id, reason: "gone" });
    await expect.poll(() => look(id)).toMatchObject({ status: "error" });
    await api.call(`DELETE /v1/vms/${id}/services/web`);
    expect(await look(id)).toEqual({ kind: "unknown_service" });
    await api.call(`DELETE /v1/vms/${id}`);
    expect(await look(id)).toEqual({ kind: "unknown_vm" });
  });

  test("reads the record once for many looks, and again after some seconds, as another process may have changed it", async () => {
    const id = await launch();
    await look(id);
    const reads = vi.spyOn(api.store.vms, "get");
    await Promise.all(Array.from({ length: 50 }, () => look(id)));
    expect(reads).not.toHaveBeenCalled();
    const later = Date.now() + 6000;
    vi.spyOn(Date, "now").mockReturnValue(later);
    await look(id);
    expect(reads).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
  });
});

describe("waking", () => {
  test("resumes a paused VM once for many who wait", async () => {
    const id = await launch({ autoResume: true });
    await api.call(`POST /v1/vms/${id}/pause`);
    await Promise.all(Array.from({ length: 20 }, () => directory.wake(id)));
    expect(await look(id)).toMatchObject({ status: "running" });
    expect(resumes()).toBe(1);
  });

  test("waits for a pause that is under way, then resumes", async () => {
    const id = await launch({ autoResume: true });
    const release = worker.hold("pause");
    const paused = api.call(`POST /v1/vms/${id}/pause`);
    await expect.poll(() => look(id)).toMatchObject({ status: "pausing" });
    const woken = directory.wake(id);
    release();
    await Promise.all([paused, woken]);
    expect(await look(id)).toMatchObject({ status: "running" });
  });

  test("joins a resume that is under way, also of a VM that requests do not wake", async () => {
    const id = await launch();
    await api.call(`POST /v1/vms/${id}/pause`);
    await expect(directory.wake(id)).rejects.toMatchObject({ code: "vm_wrong_state" });
    const release = worker.hold("resume");
    const resumed = api.call(`POST /v1/vms/${id}/resume`);
    await expect.poll(() => look(id)).toMatchObject({ status: "resuming" });
    const woken = directory.wake(id);
    release();
    await Promise.all([resumed, woken]);
    expect(resumes()).toBe(1);
  });

  test("of a VM that waits for room ends when there is some, or with the signal", async () => {
    const id = await launch({ autoResume: true });
    await api.call(`POST /v1/vms/${id}/pause`);
    worker.memoryMib = 1024;
    const late = new AbortController();
    const given = directory.wake(id, { signal: late.signal });
    await expect.poll(() => look(id)).toMatchObject({ status: "resuming" });
    late.abort(new Error("too late"));
    await expect(given).rejects.toThrow();
    const kept = directory.wake(id);
    await sleep(50);
    worker.memoryMib = 8192;
    await kept;
    expect(await look(id)).toMatchObject({ status: "running" });
  });

  test("fails for one that cannot come to run", async () => {
    const id = await launch({ autoResume: true });
    worker.emit({ kind: "vm_failed", vmId: id, reason: "gone" });
    await expect.poll(() => look(id)).toMatchObject({ status: "error" });
    await expect(directory.wake(id)).rejects.toMatchObject({ code: "vm_wrong_state" });
    await expect(directory.wake("00000000-0000-4000-8000-000000000000" as VmId)).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

describe("autoResume", () => {
  test("is false unless asked for, is changed, and goes on to snapshots' and forks' VMs", async () => {
    expect((await api.call("POST /v1/vms", { machineType: "c1m2" })).body.autoResume).toBe(false);
    const source = (await api.call("POST /v1/vms", { machineType: "c1m2", autoResume: true })).body;
    expect(source.autoResume).toBe(true);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: source.id })).body;
    const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    expect(restored.autoResume).toBe(true);
    const told = (await api.call("POST /v1/vms", { snapshotId: snapshot.id, autoResume: false })).body;
    expect(told.autoResume).toBe(false);
    const forked = (await api.call(`POST /v1/vms/${source.id}/fork`, {})).body;
    expect(forked.children[0].vm.autoResume).toBe(true);
    const changed = await api.call(`PATCH /v1/vms/${source.id}`, { autoResume: false });
    expect(changed.body.autoResume).toBe(false);
    expect((await api.call(`PATCH /v1/vms/${source.id}`, { autoResume: "yes" })).status).toBe(400);
  });
});
