/** Pause, resume, fork, snapshots, deletes and failures through the API, with the events they leave; on every store. */
import { FastvmError, hookSteps, newOrgId, newSnapshotId, newVmId, type VmId } from "@fastvm/contract";
import { describe, expect, test } from "vitest";
import { eventually } from "../testing/eventually.ts";
import { FakeWorker } from "../testing/fake-worker.ts";
import { OTHER_KEY, testApp, type TestApp } from "../testing/test-app.ts";
import { TEST_STORES } from "../testing/test-stores.ts";
import type { SnapshotRecord } from "../store/snapshot-repository.ts";
import type { Store } from "../store/store.ts";
import { openMemoryStore } from "../testing/memory-store.ts";
import type { VmRecord } from "../store/vm-repository.ts";

/** For what is to stay as it is. */
const NEVER_MS = 3_600_000;

async function launch(api: TestApp, body: object = {}): Promise<VmId> {
  const answer = await api.call("POST /v1/vms", { machineType: "c1m2", ...body });
  expect(answer.status).toBe(201);
  return answer.body.id;
}

async function statusOf(api: TestApp, id: string): Promise<string> {
  return (await api.call(`GET /v1/vms/${id}`)).body.status;
}

async function history(api: TestApp, id: string): Promise<string[]> {
  const events = await api.store.events.listFor(id);
  return events.map(
    ({ cause, fromStatus, toStatus }) => `${cause}: ${fromStatus ?? "-"} > ${toStatus ?? "-"}`,
  );
}

describe.each(TEST_STORES)("on $name", ({ open }) => {
  test("the life of a VM is in its events, and deleting it leaves nothing else", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api);
    const paused = await api.call(`POST /v1/vms/${id}/pause`);
    expect(paused).toMatchObject({ status: 200, body: { status: "paused", pausedAt: expect.any(String) } });
    const resumed = await api.call(`POST /v1/vms/${id}/resume`);
    expect(resumed).toMatchObject({ status: 200, body: { status: "running" } });
    expect(resumed.body).not.toHaveProperty("pausedAt");
    await api.call(`DELETE /v1/vms/${id}`);
    expect(await history(api, id)).toEqual([
      "launch_requested: - > provisioning",
      "launch_succeeded: provisioning > running",
      "pause_started: running > pausing",
      "pause_succeeded: pausing > paused",
      "resume_started: paused > resuming",
      "resume_succeeded: resuming > running",
      "delete_started: running > deleting",
      "deleted: deleting > -",
    ]);
    const actors = new Set((await api.store.events.listFor(id)).map((event) => event.actor));
    expect([...actors]).toEqual([expect.stringMatching(/^key:/)]);
    expect(await api.store.vms.listAll()).toEqual([]);
    expect(api.worker.vms.size).toBe(0);
  });

  test("a snapshot that leaves out free memory says how much, once, or that it could not", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api);
    const plain = await api.call("POST /v1/snapshots", { vmId: id, reclaim: false });
    expect(plain.body).not.toHaveProperty("reclaimedBytes");
    const reclaimed = await api.call("POST /v1/snapshots", { vmId: id, reclaim: true });
    expect(reclaimed).toMatchObject({ status: 201, body: { status: "ready", reclaimedBytes: 8192 } });
    const seen = await api.call(`GET /v1/snapshots/${reclaimed.body.id}`);
    expect(seen.body).not.toHaveProperty("reclaimedBytes");
    await api.call(`POST /v1/vms/${id}/pause`);
    const ofPaused = await api.call("POST /v1/snapshots", { vmId: id, reclaim: true });
    expect(ofPaused).toMatchObject({ status: 201, body: { reclaimedBytes: null } });
  });

  test("a snapshot carries what the VM has, and survives it", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api, { metadata: { a: "b" }, envVars: { E: "1" }, diskGiB: 11 });
    const answer = await api.call("POST /v1/snapshots", { vmId: id, name: " my  snap " });
    expect(answer.status).toBe(201);
    const snapshot = answer.body;
    expect(snapshot).toMatchObject({
      status: "ready",
      name: "my snap",
      vmId: id,
      metadata: { a: "b" },
      envVars: { E: "1" },
      diskGiB: 11,
      machineName: "c1m2",
      pauseMs: 12.5,
    });
    expect((await api.call(`GET /v1/snapshots/${snapshot.id.slice(0, 8)}`)).body).toEqual(snapshot);
    await api.call(`DELETE /v1/vms/${id}`);
    const restored = await api.call("POST /v1/vms", { snapshotId: snapshot.id });
    expect(restored.status).toBe(201);
    const renamed = await api.call(`PATCH /v1/snapshots/${snapshot.id}`, { name: "renamed" });
    expect(renamed.body).toEqual({ ...snapshot, name: "renamed" });
    expect((await api.call("DELETE /v1/snapshots/renamed")).body).toEqual({ id: snapshot.id, deleted: true });
    expect((await api.call(`GET /v1/snapshots/${snapshot.id}`)).status).toBe(404);
    expect(await statusOf(api, restored.body.id)).toBe("running");
    expect(await history(api, snapshot.id)).toEqual([
      "snapshot_requested: - > creating",
      "capture_succeeded: creating > ready",
      "renamed: ready > ready",
      "delete_started: ready > deleting",
      "deleted: deleting > -",
    ]);
  });

  test("fork: children run beside their source, failures are told one by one and leave nothing", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api, { name: "source", metadata: { a: "1" }, envVars: { E: "1" } });
    api.worker.failingChildren.set(1, new FastvmError("guest_unresponsive"));
    const answer = await api.call(`POST /v1/vms/${id}/fork`, { count: 3, names: ["first", "second"] });
    expect(answer.status).toBe(201);
    const [first, second, third] = answer.body.children;
    expect(first.vm).toMatchObject({
      name: "first",
      status: "running",
      sourceName: "source",
      sourceVmId: id,
      metadata: { a: "1" },
      envVars: { E: "1" },
    });
    expect(second).toEqual({ error: expect.objectContaining({ code: "guest_unresponsive" }) });
    expect(third.vm.name).toBe(`vm-${third.vm.id.slice(0, 8)}`);
    expect(answer.body).toMatchObject({ pauseMs: 12.5, dirtyBytes: 4096, durationMs: expect.any(Number) });
    expect((await api.call("GET /v1/vms")).body).toHaveLength(3);
    expect(await statusOf(api, id)).toBe("running");
    const alone = await api.call(`POST /v1/vms/${id}/fork`, { metadata: {} });
    expect(alone.body.children).toMatchObject([{ vm: { metadata: {} } }]);
  });

  test("a child whose record was written counts, also when the database did not come to say so", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api);
    let hasForked = false;
    const unhook = hookSteps((name) => {
      hasForked ||= name === "control.fork.answered";
      const isLost = hasForked && name === "transaction.committed";
      return isLost ? Promise.reject(new Error("the answer is lost")) : Promise.resolve();
    });
    const forked = await api.call(`POST /v1/vms/${id}/fork`, { count: 1 }).finally(unhook);
    const [child] = forked.body.children;
    expect(child).toMatchObject({ vm: { status: "running" } });
    expect(api.worker.vms.get(child.vm.id)?.status).toBe("running");
    expect(await statusOf(api, child.vm.id)).toBe("running");
  });

  test("a fork whose capture fails, or that finds no room, leaves nothing", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api);
    api.worker.failNext("fork", new FastvmError("capture_failed"));
    const failed = await api.call(`POST /v1/vms/${id}/fork`, { count: 5 });
    expect(failed).toMatchObject({ status: 502, body: { code: "capture_failed" } });
    api.worker.memoryMib = 4096;
    const full = await api.call(`POST /v1/vms/${id}/fork`, { count: 2 });
    expect(full).toMatchObject({ status: 503, body: { code: "out_of_capacity" } });
    expect(full.headers["retry-after"]).toBe("5");
    expect((await api.call("GET /v1/vms")).body).toMatchObject([{ id, status: "running" }]);
  });

  test("during one pause a VM is captured once, whoever asks and however often", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api);
    await api.call(`POST /v1/vms/${id}/pause`);
    const answers = await Promise.all(
      [1, 2, 3].map((i) => api.call("POST /v1/snapshots", { vmId: id, name: `n${i}` })),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.every(({ status, body }) => status === 201 && body.status === "ready")).toBe(true);
    await api.call(`POST /v1/vms/${id}/resume`);
    await api.call(`POST /v1/vms/${id}/pause`);
    const next = await api.call("POST /v1/snapshots", { vmId: id });
    expect(next.body.id).not.toBe(answers[0]?.body.id);
  });

  test("a VM's lives are counted, in its record and on its worker, whether they begin or fail to", async () => {
    await using api = await testApp({ store: await open() });
    const id = await launch(api);
    const generations = async (): Promise<unknown[]> => [
      (await api.store.vms.get(id))?.generation,
      (await api.worker.inventory()).vms[0]?.generation,
    ];
    expect(await generations()).toEqual([1, 1]);
    await api.call(`POST /v1/vms/${id}/pause`);
    api.worker.failNext("resume", new FastvmError("launch_failed"));
    await api.call(`POST /v1/vms/${id}/resume`);
    expect(await generations()).toEqual([2, 1]);
    await api.call(`POST /v1/vms/${id}/resume`);
    expect(await generations()).toEqual([3, 3]);
  });
});

describe("pause and resume", () => {
  test("are idempotent, also for several at once", async () => {
    await using api = await testApp();
    const id = await launch(api);
    const pauses = await Promise.all([1, 2, 3].map(() => api.call(`POST /v1/vms/${id}/pause`)));
    expect(pauses.map(({ status, body }) => [status, body.status])).toEqual(
      [1, 2, 3].map(() => [200, "paused"]),
    );
    const resumes = await Promise.all([1, 2, 3].map(() => api.call(`POST /v1/vms/${id}/resume`)));
    expect(resumes.map(({ status, body }) => [status, body.status])).toEqual(
      [1, 2, 3].map(() => [200, "running"]),
    );
    expect(api.worker.calls.filter(({ method }) => method !== "launch")).toHaveLength(2);
  });

  test("a pause that fails leaves the VM running, with the reason in its answer and its event only", async () => {
    await using api = await testApp();
    const id = await launch(api);
    api.worker.failNext("pause", new FastvmError("out_of_disk"));
    expect(await api.call(`POST /v1/vms/${id}/pause`)).toMatchObject({
      status: 507,
      body: { code: "out_of_disk" },
    });
    const after = (await api.call(`GET /v1/vms/${id}`)).body;
    expect(after.status).toBe("running");
    expect(after).not.toHaveProperty("statusReason");
    expect((await api.store.events.listFor(id)).at(-1)).toMatchObject({
      cause: "pause_failed",
      detail: expect.stringMatching(/disk/),
    });
  });

  test("a pause during which the VM dies leaves it in error", async () => {
    await using api = await testApp();
    const id = await launch(api);
    api.worker.failNext("pause", new FastvmError("vm_died"));
    expect((await api.call(`POST /v1/vms/${id}/pause`)).status).toBe(502);
    expect(await statusOf(api, id)).toBe("error");
  });

  test("a resume that fails leaves the VM paused", async () => {
    await using api = await testApp();
    const id = await launch(api);
    await api.call(`POST /v1/vms/${id}/pause`);
    api.worker.failNext("resume", new FastvmError("snapshot_incompatible"));
    expect((await api.call(`POST /v1/vms/${id}/resume`)).status).toBe(409);
    expect((await api.call(`GET /v1/vms/${id}`)).body).toMatchObject({
      status: "paused",
      pausedAt: expect.any(String),
    });
  });

  test("what a state does not allow is 409, and says the state", async () => {
    await using api = await testApp();
    const release = api.worker.hold("launch");
    const launching = launch(api, { name: "slow" });
    await eventually(() => expect(api.worker.calls).toHaveLength(1));
    for (const [route, body] of [
      ["POST /v1/vms/slow/pause", {}],
      ["POST /v1/vms/slow/resume", {}],
      ["POST /v1/vms/slow/fork", {}],
      ["POST /v1/vms/slow/exec", { command: ["a"] }],
      ["POST /v1/snapshots", { vmId: "slow" }],
    ] as const) {
      const answer = await api.call(route, body);
      expect(answer, route).toMatchObject({
        status: 409,
        body: { code: "vm_wrong_state", error: expect.stringMatching(/provisioning/) },
      });
      expect(answer.headers["x-should-retry"]).toBe("false");
    }
    release();
    await launching;
  });
});

describe("snapshots", () => {
  test("a capture that fails leaves no record", async () => {
    await using api = await testApp();
    const id = await launch(api);
    api.worker.failNext("createSnapshot", new FastvmError("out_of_disk"));
    expect(await api.call("POST /v1/snapshots", { vmId: id })).toMatchObject({ status: 507 });
    expect((await api.call("GET /v1/snapshots")).body).toEqual([]);
    expect((await api.call("GET /v1/org/quotas")).body.usage.snapshotCount).toBe(0);
  });

  test("count against their quota", async () => {
    const defaultLimits = {
      vcpu: 9,
      memoryMiB: 9000,
      diskGiB: 90,
      snapshotCount: 1,
      volumeCount: 9,
      volumeGiB: 90,
    };
    await using api = await testApp({ config: { defaultLimits } });
    const id = await launch(api);
    expect((await api.call("POST /v1/snapshots", { vmId: id })).status).toBe(201);
    expect(await api.call("POST /v1/snapshots", { vmId: id })).toMatchObject({
      status: 403,
      body: { code: "quota_exceeded" },
    });
  });

  test("default to a name with the VM's id, are listed newest first and filtered by metadata", async () => {
    await using api = await testApp();
    const one = await launch(api, { metadata: { env: "a" } });
    const two = await launch(api, { metadata: { env: "b" } });
    await api.call("POST /v1/snapshots", { vmId: one });
    await new Promise((resolve) => setTimeout(resolve, 2));
    await api.call("POST /v1/snapshots", { vmId: two });
    const names = async (query: string) =>
      (await api.call(`GET /v1/snapshots${query}`)).body.map((each: { name: string }) => each.name);
    expect(await names("")).toEqual([`snapshot-${two.slice(0, 8)}`, `snapshot-${one.slice(0, 8)}`]);
    expect(await names("?metadata.env=a")).toEqual([`snapshot-${one.slice(0, 8)}`]);
  });

  test("one whose deletion failed can be deleted again, and not be restored", async () => {
    await using api = await testApp({ config: { reconcileRetryMs: NEVER_MS } });
    const id = await launch(api);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
    api.worker.failNext("deleteSnapshot", new FastvmError("out_of_disk"));
    expect((await api.call(`DELETE /v1/snapshots/${snapshot.id}`)).status).toBe(507);
    expect(await api.call("POST /v1/vms", { snapshotId: snapshot.id })).toMatchObject({
      status: 409,
      body: { field: "snapshotId" },
    });
    expect((await api.call(`DELETE /v1/snapshots/${snapshot.id}`)).status).toBe(200);
  });
});

describe("delete", () => {
  test("works in every state", async () => {
    await using api = await testApp();
    const states = [
      "provisioning",
      "running",
      "pausing",
      "paused",
      "resuming",
      "stopped",
      "deleting",
      "error",
    ] as const;
    const template = await api.store.vms.get(await launch(api));
    for (const status of states) {
      const id = newVmId();
      await api.store.vms.create({ ...(template as VmRecord), id, status });
      expect((await api.call(`DELETE /v1/vms/${id}`)).body, status).toEqual({ id, deleted: true });
      expect((await api.call(`GET /v1/vms/${id}`)).status).toBe(404);
    }
  });

  test("that the worker could not do is told and can be repeated", async () => {
    await using api = await testApp({ config: { reconcileRetryMs: NEVER_MS } });
    const id = await launch(api);
    api.worker.failNext("deleteVm", new FastvmError("guest_unresponsive"));
    expect((await api.call(`DELETE /v1/vms/${id}`)).status).toBe(502);
    expect((await api.call(`GET /v1/vms/${id}`)).body).toMatchObject({
      status: "deleting",
      statusReason: expect.stringMatching(/deletion failed/),
    });
    expect((await api.call(`DELETE /v1/vms/${id}`)).status).toBe(200);
  });

  test("several at once all succeed, and leave one event", async () => {
    await using api = await testApp();
    const id = await launch(api);
    const answers = await Promise.all([1, 2, 3].map(() => api.call(`DELETE /v1/vms/${id}`)));
    expect(answers.every(({ status }) => status === 200 || status === 404)).toBe(true);
    const events = await history(api, id);
    expect(events.filter((event) => event.startsWith("deleted"))).toHaveLength(1);
  });

  test("a hundred launches and deletes leave no row but events", async () => {
    await using api = await testApp();
    for (let i = 0; i < 100; i += 1) await api.call(`DELETE /v1/vms/${await launch(api)}`);
    expect(await api.store.vms.listAll()).toEqual([]);
    expect(await api.store.snapshots.listAll()).toEqual([]);
  });
});

test("a VM that fails by itself is in error with the reason, and its room is free", async () => {
  await using api = await testApp();
  api.worker.memoryMib = 2048;
  const id = await launch(api);
  const waiting = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  api.worker.emit({ kind: "vm_failed", vmId: id, reason: "QEMU ended: signal 9" });
  await eventually(async () => expect(await statusOf(api, waiting.id)).toBe("running"));
  expect((await api.call(`GET /v1/vms/${id}`)).body).toMatchObject({
    status: "error",
    statusReason: "QEMU ended: signal 9",
  });
  expect((await history(api, id)).at(-1)).toBe("vm_failed: running > error");
});

test("old events are pruned", async () => {
  await using api = await testApp({ config: { maxEvents: 5, pruneEveryMs: 10 } });
  const id = await launch(api);
  for (let i = 0; i < 4; i += 1) {
    await api.call(`POST /v1/vms/${id}/pause`);
    await api.call(`POST /v1/vms/${id}/resume`);
  }
  await eventually(async () => expect(await history(api, id)).toHaveLength(5));
});

describe("reading and changing", () => {
  test("filters by status and metadata", async () => {
    await using api = await testApp();
    const a = await launch(api, { metadata: { env: "prod", "a.b": "c" } });
    const b = await launch(api, { metadata: { env: "dev" } });
    await api.call(`POST /v1/vms/${b}/pause`);
    const ids = async (query: string) =>
      (await api.call(`GET /v1/vms?${query}`)).body.map((vm: { id: string }) => vm.id).toSorted();
    expect(await ids("status=paused")).toEqual([b]);
    expect(await ids("status=running,paused")).toEqual([a, b].toSorted());
    expect(await ids("status=running&status=paused")).toEqual([a, b].toSorted());
    expect(await ids("status=nonsense")).toEqual([]);
    expect(await ids("status=%00")).toEqual([]);
    expect(await ids("metadata.env=prod")).toEqual([a]);
    expect(await ids("metadata.env=prod&metadata.a.b=c")).toEqual([a]);
    expect(await ids("metadata.env=prod&metadata.a.b=d")).toEqual([]);
    expect(await ids("metadata.env=prod&metadata.env=dev")).toEqual([a, b].toSorted());
    expect(await ids("metadata.constructor=x")).toEqual([]);
    expect(await ids("status=paused&metadata.env=prod")).toEqual([]);
  });

  test("renames, replaces and clears metadata, keeps what is omitted", async () => {
    await using api = await testApp();
    const id = await launch(api, { name: "old", metadata: { a: "1" } });
    expect((await api.call(`PATCH /v1/vms/${id}`, { name: "  new " })).body).toMatchObject({
      name: "new",
      metadata: { a: "1" },
    });
    expect((await api.call("PATCH /v1/vms/new", { metadata: { b: "2" } })).body).toMatchObject({
      name: "new",
      metadata: { b: "2" },
    });
    expect((await api.call("PATCH /v1/vms/new", { metadata: {}, name: null })).body.metadata).toEqual({});
  });

  test("a name with a slash, a plus and a space is found when it is percent-encoded", async () => {
    await using api = await testApp();
    const id = await launch(api, { name: "a/b+c d" });
    expect((await api.call("GET /v1/vms/a%2Fb+c%20d")).body.id).toBe(id);
  });

  test("metadata may use names that JavaScript objects have of themselves", async () => {
    await using api = await testApp();
    const payload = '{"machineType":"c1m2","metadata":{"__proto__":"p","constructor":"c"}}';
    const answer = await api.call("POST /v1/vms", undefined, { payload });
    expect(answer.status).toBe(201);
    expect(answer.text).toContain('"__proto__":"p"');
    expect((await api.call("GET /v1/vms?metadata.__proto__=p")).body).toHaveLength(1);
  });

  test("names are unique to find, not to have: two of one name are found by neither", async () => {
    await using api = await testApp();
    await launch(api, { name: "twin" });
    await launch(api, { name: "twin" });
    expect((await api.call("GET /v1/vms/twin")).status).toBe(404);
    expect((await api.call("GET /v1/vms", undefined, { key: OTHER_KEY })).body).toEqual([]);
  });
});

describe("readiness", () => {
  test("is refused when the worker does not answer", async () => {
    await using api = await testApp();
    api.worker.capacity = () => Promise.reject(new Error("gone"));
    expect(await api.call("GET /readyz")).toMatchObject({
      status: 503,
      body: { status: expect.stringMatching(/worker/) },
    });
    expect((await api.call("GET /livez")).status).toBe(200);
  });
});

describe("at start", () => {
  interface World {
    readonly store: Store;
    readonly worker: FakeWorker;
    readonly vm: VmRecord;
    readonly put: (changes: Partial<VmRecord>) => Promise<VmId>;
  }

  async function restart(prepare: (world: World) => Promise<void>): Promise<TestApp> {
    const store = await openMemoryStore();
    const worker = new FakeWorker();
    const orgId = newOrgId();
    const limits = {
      vcpu: 99,
      memoryMiB: 99_999,
      diskGiB: 999,
      snapshotCount: 9,
      volumeCount: 9,
      volumeGiB: 90,
    };
    await store.organisations.create({ id: orgId, name: "o", createdAt: 0, limits });
    const vm: VmRecord = {
      id: newVmId(),
      orgId,
      name: "v",
      machineName: "c1m2",
      cpu: 1,
      memoryMib: 2048,
      diskGib: 10,
      status: "running",
      statusReason: null,
      sourceName: null,
      sourceSnapshotId: null,
      sourceVmId: null,
      metadata: {},
      envVars: {},
      createdAt: 1,
      pausedAt: null,
      pauseCount: 0,
      queuedAt: null,
      network: undefined,
      services: [],
      sshKeys: [],
      autoResume: false,
      inactivityMs: 0,
      inactivityAction: "",
      guestWorkCounts: false,
      maxLifeMs: 0,
      maxLifeAction: "pause",
      autoDeleteMs: 0,
      ephemeral: false,
      cwd: "",
      template: "",
      volumes: [],
      privateTraffic: false,
      maskHost: "",
      interception: undefined,
      publicIpv6: null,
      generation: 1,
      ttlAction: null,
      ttlSeconds: null,
      ttlRemainingMs: null,
      expiresAt: null,
      lifeEndsAt: null,
      requestFingerprint: null,
      startedAt: null,
      endedAt: null,
      lastActiveAt: null,
      durability: "relaxed",
      restartPolicy: "never",
      restartAt: null,
      restartCount: 0,
      trafficTokenDigest: null,
      poolId: null,
      templateRef: "",
      poolGeneration: null,
      rootSetup: null,
    };
    const put = async (changes: Partial<VmRecord>) => {
      const id = newVmId();
      await store.vms.create({ ...vm, id, ...changes });
      return id;
    };
    await prepare({ store, vm, worker, put });
    return testApp({ store, worker });
  }

  test("records follow what the worker has", async () => {
    const ids: Record<string, VmId> = {};
    await using api = await restart(async ({ worker, put }) => {
      for (const status of ["provisioning", "running", "pausing", "paused", "resuming"] as const) {
        for (const found of ["running", "paused", "error", "lost"] as const) {
          const id = await put({ status, pausedAt: status === "paused" ? 5 : null });
          ids[`${status}, found ${found}`] = id;
          if (found !== "lost")
            worker.vms.set(id, {
              status: found,
              spec: undefined,
              ...(found === "error" ? { reason: "R" } : {}),
            });
        }
      }
    });
    for (const [name, id] of Object.entries(ids)) {
      const vm = await api.store.vms.get(id);
      const found = name.split("found ")[1];
      expect(vm?.status, name).toBe(found === "lost" ? "error" : found);
      if (vm?.status === "paused") expect(vm.pausedAt, name).not.toBeNull();
      if (found === "error") expect(vm?.statusReason).toBe("R");
      if (found === "lost") expect(vm?.statusReason).toMatch(/no longer has|interrupted/);
      if (found === "running") expect(vm).toMatchObject({ pausedAt: null, statusReason: null });
    }
  });

  test("half-done deletes are finished, strangers are kept, the queue is served", async () => {
    let deleting: VmId | undefined;
    let queued: VmId | undefined;
    const stranger = newVmId();
    const strangeSnapshot = newSnapshotId();
    await using api = await restart(async ({ worker, put }) => {
      deleting = await put({ status: "deleting" });
      queued = await put({ status: "provisioning", queuedAt: 3 });
      worker.vms.set(deleting, { status: "running", spec: undefined });
      worker.vms.set(stranger, { status: "running", spec: undefined });
      worker.snapshots.add(strangeSnapshot);
    });
    await eventually(async () => {
      expect(await api.store.vms.get(queued as VmId)).toMatchObject({ status: "running" });
    });
    expect(await api.store.vms.get(deleting as VmId)).toBeUndefined();
    expect(new Set(api.worker.vms.keys())).toEqual(new Set([stranger, queued]));
    expect([...api.worker.snapshots]).toEqual([strangeSnapshot]);
  });

  test("half-made snapshots are undone, lost ones say so, whole ones stay", async () => {
    const ids = {
      creating: newSnapshotId(),
      deleting: newSnapshotId(),
      lost: newSnapshotId(),
      whole: newSnapshotId(),
    };
    await using api = await restart(async ({ vm, worker, store }) => {
      for (const [name, id] of Object.entries(ids)) {
        const status = name === "creating" || name === "deleting" ? name : "ready";
        const { orgId, machineName, cpu, memoryMib, diskGib, metadata, envVars, network, services } = vm;
        const copied = { orgId, machineName, cpu, memoryMib, diskGib, metadata, envVars, network, services };
        const own = {
          id,
          name,
          vmId: vm.id,
          status,
          statusReason: null,
          pauseCycle: null,
          pauseMs: null,
          createdAt: 1,
        };
        await store.snapshots.create({ ...copied, ...own } as SnapshotRecord);
        if (name !== "lost") worker.snapshots.add(id);
      }
    });
    const left = await api.store.snapshots.listAll();
    expect(left.map(({ name, status }) => `${name}: ${status}`).toSorted()).toEqual([
      "lost: error",
      "whole: ready",
    ]);
    expect([...api.worker.snapshots]).toEqual([ids.whole]);
    expect(await history(api, ids.creating)).toEqual(["capture_interrupted: creating > -"]);
  });
});
