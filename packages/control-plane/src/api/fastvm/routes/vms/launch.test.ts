import { FastvmError } from "@fastvm/contract";
import { describe, expect, test } from "vitest";
import { eventually } from "../../../../testing/eventually.ts";
import { DEFAULT_CONFIG } from "../../../../config.ts";
import { TEST_KEY, testApp } from "../../../../testing/test-app.ts";
import { TEST_STORES } from "../../../../testing/test-stores.ts";

const C1 = { machineType: "c1m2" };

describe("a launch", () => {
  test("takes name, disk, metadata and environment as given and gives defaults for the rest", async () => {
    await using api = await testApp();
    const plain = (await api.call("POST /v1/vms", C1)).body;
    expect(plain).toMatchObject({
      name: `vm-${plain.id.slice(0, 8)}`,
      diskGiB: 10,
      metadata: {},
      envVars: {},
    });
    expect(plain).not.toHaveProperty("sourceName");
    const full = await api.call("POST /v1/vms", {
      machineType: "c3m5",
      name: "x".repeat(80),
      diskGiB: 12,
      metadata: { env: "prod" },
      envVars: { A: "b" },
      firewall: null,
      somethingNew: [1],
    });
    expect(full.status).toBe(201);
    expect(full.body).toMatchObject({
      cpu: 3,
      memoryMiB: 5120,
      diskGiB: 12,
      name: "x".repeat(64),
      envVars: { A: "b" },
    });
    const spec = api.worker.vms.get(full.body.id)?.spec;
    expect(spec).toMatchObject({ source: { kind: "template" }, identity: { envVars: { A: "b" } } });
  });

  test("an image is the VM's source; one that is not here is refused before there is a VM, and one with a snapshot", async () => {
    await using api = await testApp();
    const unknown = await api.call("POST /v1/vms", { ...C1, image: "python:3.13-slim" });
    expect(unknown).toMatchObject({ status: 404, body: { field: "image" } });
    expect((await api.call("GET /v1/vms")).body).toEqual([]);
    await api.call("POST /v1/images/pull", { reference: "python:3.13-slim" });
    const launched = await api.call("POST /v1/vms", { ...C1, image: "python:3.13-slim" });
    expect(launched).toMatchObject({ status: 201, body: { sourceName: "python:3.13-slim" } });
    const spec = api.worker.vms.get(launched.body.id)?.spec;
    expect(spec?.source).toEqual({ kind: "template", image: "python:3.13-slim", imageOwner: api.orgId });
    expect((await api.call("POST /v1/vms", { snapshotId: "x", image: "python" })).status).toBe(400);
  });

  test("null stands for an absent field", async () => {
    await using api = await testApp();
    const body = { ...C1, snapshotId: null, name: null, diskGiB: null, metadata: null, envVars: null };
    expect((await api.call("POST /v1/vms", body)).status).toBe(201);
  });

  test("from a snapshot inherits machine, disk, metadata and environment; what is given replaces", async () => {
    await using api = await testApp();
    const vm = (
      await api.call("POST /v1/vms", { ...C1, diskGiB: 20, metadata: { a: "1" }, envVars: { E: "1" } })
    ).body;
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id, name: "base" })).body;
    const same = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    expect(same).toMatchObject({
      machineName: "c1m2",
      diskGiB: 20,
      metadata: { a: "1" },
      envVars: { E: "1" },
    });
    expect(same).toMatchObject({ sourceName: "base", sourceSnapshotId: snapshot.id });
    const other = (await api.call("POST /v1/vms", { snapshotId: "base", metadata: {}, diskGiB: 30 })).body;
    expect(other).toMatchObject({ diskGiB: 30, metadata: {}, envVars: { E: "1" } });
    const smaller = await api.call("POST /v1/vms", { snapshotId: "base", diskGiB: 19 });
    expect(smaller).toMatchObject({ status: 400, body: { field: "diskGiB" } });
  });

  test("refuses a disk that the host could never hold, but for what is there and the smallest", async () => {
    await using api = await testApp();
    const { id } = (await api.call("POST /v1/vms", { ...C1, diskGiB: 40 })).body;
    await api.call("POST /v1/snapshots", { vmId: id, name: "large" });
    api.worker.diskTotalBytes = 8 * 1024 ** 3;
    const refused = await api.call("POST /v1/vms", { ...C1, diskGiB: 11 });
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request", field: "diskGiB" } });
    expect(refused.body.message).toContain("8 GiB");
    expect((await api.call("POST /v1/vms", { ...C1, diskGiB: 10 })).status).toBe(201);
    expect((await api.call("POST /v1/vms", { snapshotId: "large" })).status).toBe(201);
    expect((await api.call("POST /v1/vms", { snapshotId: "large", diskGiB: 41 })).status).toBe(400);
  });

  test("that fails answers its error and leaves the VM in error with the reason", async () => {
    await using api = await testApp();
    api.worker.failNext("launch", new FastvmError("launch_failed", "QEMU said no"));
    const answer = await api.call("POST /v1/vms", C1);
    expect(answer).toMatchObject({ status: 502, body: { code: "launch_failed" } });
    expect(answer.headers["x-should-retry"]).toBe("false");
    const [vm] = (await api.call("GET /v1/vms")).body;
    expect(vm).toMatchObject({ status: "error", statusReason: expect.stringMatching(/QEMU said no/) });
    expect((await api.call("GET /v1/org/quotas")).body.usage.vcpu).toBe(0);
    expect((await api.call(`DELETE /v1/vms/${vm.id}`)).status).toBe(200);
  });

  test("that fails through a bug says nothing of it, but logs it", async () => {
    await using api = await testApp();
    api.worker.failNext("launch", new TypeError("secret detail"));
    const answer = await api.call("POST /v1/vms", C1);
    expect(answer).toMatchObject({ status: 500, body: { code: "internal" } });
    expect(answer.text).not.toMatch(/secret/);
    const [vm] = (await api.call("GET /v1/vms")).body;
    expect(vm.statusReason).not.toMatch(/secret/);
    expect(api.log.entries.some((entry) => entry.level === "error")).toBe(true);
  });

  test("that takes long answers 202 and goes on", async () => {
    await using api = await testApp({ config: { launchAnswerMs: 20 } });
    const release = api.worker.hold("launch");
    const answer = await api.call("POST /v1/vms", C1);
    expect(answer).toMatchObject({ status: 202, body: { status: "provisioning" } });
    release();
    await eventually(async () => {
      expect((await api.call(`GET /v1/vms/${answer.body.id}`)).body.status).toBe("running");
    });
  });

  test("that is deleted under way leaves nothing", async () => {
    await using api = await testApp();
    const release = api.worker.hold("launch");
    const launching = api.call("POST /v1/vms", C1);
    await eventually(() => expect(api.worker.calls).toHaveLength(1));
    const [vm] = (await api.call("GET /v1/vms?status=provisioning")).body;
    expect((await api.call(`DELETE /v1/vms/${vm.id}`)).body).toEqual({ id: vm.id, deleted: true });
    release();
    expect(await launching).toMatchObject({ status: 502, body: { code: "launch_failed" } });
    expect((await api.call("GET /v1/vms")).body).toEqual([]);
    expect(api.worker.vms.size).toBe(0);
  });
});

describe.each(TEST_STORES)("quotas on $name", ({ open }) => {
  test("50 launches at once against 10 make exactly 10", async () => {
    const defaultLimits = { ...DEFAULT_CONFIG.defaultLimits, vcpu: 10 };
    await using api = await testApp({ store: await open(), config: { defaultLimits } });
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.call("POST /v1/vms", C1)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(10);
    const refused = answers.filter(({ status }) => status === 403);
    expect(refused).toHaveLength(40);
    expect(refused[0]?.body).toMatchObject({
      code: "quota_exceeded",
      error: expect.stringMatching(/vcpu: 10 of 10/),
    });
    const quotas = (await api.call("GET /v1/org/quotas")).body;
    expect(quotas).toMatchObject({ orgId: api.orgId, limits: defaultLimits });
    expect(quotas.usage).toEqual({
      vcpu: 10,
      memoryMiB: 20_480,
      diskGiB: 100,
      snapshotCount: 0,
      volumeCount: 0,
      volumeGiB: 0,
    });
    expect(api.worker.vms.size).toBe(10);
  });

  test("paused VMs count against nothing, and resuming reserves again", async () => {
    const defaultLimits = { ...DEFAULT_CONFIG.defaultLimits, memoryMiB: 2048 };
    await using api = await testApp({ store: await open(), config: { defaultLimits } });
    const first = (await api.call("POST /v1/vms", C1)).body;
    expect((await api.call("POST /v1/vms", C1)).status).toBe(403);
    await api.call(`POST /v1/vms/${first.id}/pause`);
    expect((await api.call("GET /v1/org/quotas")).body.usage).toMatchObject({ vcpu: 0, diskGiB: 0 });
    expect((await api.call("POST /v1/vms", C1)).status).toBe(201);
    const resumed = await api.call(`POST /v1/vms/${first.id}/resume`);
    expect(resumed).toMatchObject({ status: 403, body: { code: "quota_exceeded" } });
    expect((await api.call(`GET /v1/vms/${first.id}`)).body.status).toBe("paused");
  });
});

describe("a full host", () => {
  test("queues launches, serves them first come first, and deletes a queued VM", async () => {
    await using api = await testApp();
    api.worker.memoryMib = 4096;
    const running = (await api.call("POST /v1/vms", { machineType: "c1m4" })).body;
    const queued: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const answer = await api.call("POST /v1/vms", { ...C1, name: `q${i}` });
      expect(answer).toMatchObject({
        status: 202,
        body: { status: "provisioning", statusReason: expect.stringMatching(/room/) },
      });
      queued.push(answer.body.id);
    }
    expect((await api.call(`DELETE /v1/vms/${queued[0]}`)).status).toBe(200);
    await api.call(`DELETE /v1/vms/${running.id}`);
    await eventually(async () => {
      const { body } = await api.call("GET /v1/vms?status=running");
      expect(body.map((vm: { id: string }) => vm.id).toSorted()).toEqual(queued.slice(1).toSorted());
    });
    expect((await api.call("GET /v1/vms")).body[0]).not.toHaveProperty("statusReason");
  });

  test("keeps the snapshot that a launch waits to be made from, until it runs or is deleted", async () => {
    await using api = await testApp();
    api.worker.memoryMib = 4096;
    const vm = (await api.call("POST /v1/vms", C1)).body;
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id })).body;
    const restore = (name: string) => api.call("POST /v1/vms", { snapshotId: snapshot.id, name });
    const remove = () => api.call(`DELETE /v1/snapshots/${snapshot.id}`);
    const refusedFor = (name: string) => ({
      status: 409,
      body: { code: "snapshot_wrong_state", message: expect.stringMatching(name) },
    });
    const release = api.worker.hold("launch");
    const launching = restore("launching");
    await eventually(() => expect(api.worker.calls.at(-1)?.method).toBe("launch"));
    expect(await remove()).toMatchObject(refusedFor("launching"));
    release();
    expect((await launching).status).toBe(201);
    const queued = (await restore("queued")).body;
    expect(await remove()).toMatchObject(refusedFor("queued"));
    await api.call(`DELETE /v1/vms/${vm.id}`);
    await eventually(async () =>
      expect((await api.call(`GET /v1/vms/${queued.id}`)).body.status).toBe("running"),
    );
    const last = (await restore("last")).body;
    expect(await remove()).toMatchObject(refusedFor("last"));
    await api.call(`DELETE /v1/vms/${last.id}`);
    expect((await remove()).status).toBe(200);
  });

  test("does not let a small VM overtake a big one", async () => {
    await using api = await testApp();
    api.worker.memoryMib = 6144;
    const first = (await api.call("POST /v1/vms", { machineType: "c1m4" })).body;
    expect((await api.call("POST /v1/vms", { machineType: "c1m4" })).status).toBe(202);
    expect((await api.call("POST /v1/vms", C1)).status).toBe(202);
    await api.call(`DELETE /v1/vms/${first.id}`);
    await eventually(() => expect(api.worker.vms.size).toBe(2));
  });

  test("turns away what the queue cannot hold, with Retry-After", async () => {
    await using api = await testApp({ config: { maxQueuedVms: 1 } });
    api.worker.memoryMib = 2048;
    await api.call("POST /v1/vms", C1);
    expect((await api.call("POST /v1/vms", C1)).status).toBe(202);
    const answer = await api.call("POST /v1/vms", C1);
    expect(answer).toMatchObject({ status: 503, body: { code: "out_of_capacity" } });
    expect(answer.headers["retry-after"]).toBe("5");
    expect(answer.headers).not.toHaveProperty("x-should-retry");
    expect((await api.call("GET /v1/vms")).body).toHaveLength(2);
  });

  test("queues what the worker itself turns away, and tries again", async () => {
    await using api = await testApp({ config: { queueRetryMs: 10 } });
    api.worker.failNext("launch", new FastvmError("out_of_capacity"));
    api.worker.failNext("launch", new FastvmError("out_of_capacity"));
    const answer = await api.call("POST /v1/vms", C1);
    expect(answer).toMatchObject({ status: 202, body: { status: "provisioning" } });
    await eventually(async () => {
      expect((await api.call(`GET /v1/vms/${answer.body.id}`)).body.status).toBe("running");
    });
  });

  test("a resume waits too, and is served when room comes free", async () => {
    await using api = await testApp();
    api.worker.memoryMib = 2048;
    const first = (await api.call("POST /v1/vms", C1)).body;
    await api.call(`POST /v1/vms/${first.id}/pause`);
    const second = (await api.call("POST /v1/vms", C1)).body;
    const answer = await api.call(`POST /v1/vms/${first.id}/resume`);
    expect(answer).toMatchObject({ status: 202, body: { status: "resuming" } });
    await api.call(`POST /v1/vms/${second.id}/pause`);
    await eventually(async () => {
      expect((await api.call(`GET /v1/vms/${first.id}`)).body.status).toBe("running");
    });
  });
});

describe("a repeated request", () => {
  const again = { headers: { "x-stainless-retry-count": "1" } };
  const thirdTime = { headers: { "x-stainless-retry-count": "2" } };

  test("makes no second VM", async () => {
    await using api = await testApp();
    const first = await api.call("POST /v1/vms", { ...C1, name: "once" });
    const second = await api.call("POST /v1/vms", { ...C1, name: "once" }, again);
    expect(second).toMatchObject({ status: 201, body: { id: first.body.id } });
    expect((await api.call("GET /v1/vms")).body).toHaveLength(1);
  });

  test("waits for the launch that it repeats", async () => {
    await using api = await testApp();
    const release = api.worker.hold("launch");
    const first = api.call("POST /v1/vms", C1);
    await eventually(() => expect(api.worker.calls).toHaveLength(1));
    const second = api.call("POST /v1/vms", C1, again);
    setTimeout(release, 50);
    expect((await second).body).toMatchObject({ id: (await first).body.id, status: "running" });
  });

  test("without a first one, with another body, without the header, or after a failure makes a VM", async () => {
    await using api = await testApp();
    expect((await api.call("POST /v1/vms", C1, again)).status).toBe(201);
    await api.call("POST /v1/vms", { ...C1, name: "other" }, again);
    await api.call("POST /v1/vms", C1);
    expect((await api.call("GET /v1/vms")).body).toHaveLength(3);
    api.worker.failNext("launch", new FastvmError("launch_failed"));
    await api.call("POST /v1/vms", { ...C1, name: "failed" });
    const repeated = await api.call("POST /v1/vms", { ...C1, name: "failed" }, again);
    expect(repeated).toMatchObject({ status: 201, body: { status: "running" } });
  });

  test("does not take one of several equal VMs whose answers were delivered", async () => {
    await using api = await testApp();
    const ids = new Set<string>();
    for (let i = 0; i < 2; i += 1) ids.add((await api.call("POST /v1/vms", C1)).body.id);
    const repeated = (await api.call("POST /v1/vms", C1, again)).body;
    expect(ids.has(repeated.id)).toBe(false);
  });

  test("takes the VM whose client went away, among equal ones", async () => {
    await using api = await testApp();
    const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    await api.call("POST /v1/vms", C1);
    await api.call("POST /v1/vms", C1);
    const release = api.worker.hold("launch");
    const controller = new AbortController();
    const body = JSON.stringify(C1);
    const headers = { "x-api-key": TEST_KEY, "content-type": "application/json" };
    const lost = fetch(`${url}/v1/vms`, { method: "POST", headers, body, signal: controller.signal });
    await eventually(() => expect(api.worker.calls).toHaveLength(3));
    controller.abort();
    await expect(lost).rejects.toThrow();
    const lostId = api.worker.calls[2]?.id;
    // The server must have seen the connection end before the launch does.
    await new Promise((resolve) => setTimeout(resolve, 50));
    release();
    await eventually(() => expect(api.worker.vms.size).toBe(3));
    expect((await api.call("POST /v1/vms", C1, again)).body.id).toBe(lostId);
  });

  test("gives each of several clients that went away a VM of its own, while the launches go on", async () => {
    await using api = await testApp();
    const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    const release = api.worker.hold("launch");
    const clients = [new AbortController(), new AbortController(), new AbortController()];
    const body = JSON.stringify(C1);
    const headers = { "x-api-key": TEST_KEY, "content-type": "application/json" };
    const send = (signal: AbortSignal, retry: number): Promise<Response> => {
      const counted = { ...headers, "x-stainless-retry-count": String(retry) };
      return fetch(`${url}/v1/vms`, { method: "POST", headers: counted, body, signal });
    };
    const lost = Promise.allSettled(clients.map(({ signal }) => send(signal, 0)));
    await eventually(() => expect(api.worker.calls).toHaveLength(3));
    for (const client of clients) client.abort();
    await lost;
    // The server must have seen the connections end.
    await new Promise((resolve) => setTimeout(resolve, 50));
    // One of them loses the answer to its second attempt too.
    const unlucky = new AbortController();
    const second = Promise.allSettled([send(unlucky.signal, 1)]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    unlucky.abort();
    await second;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const repeated = clients.map((_, index) => api.call("POST /v1/vms", C1, index === 0 ? thirdTime : again));
    setTimeout(release, 50);
    const ids = (await Promise.all(repeated)).map((answer): string => answer.body.id);
    expect(ids.toSorted()).toEqual(api.worker.calls.map(({ id }) => id).toSorted());
    expect((await api.call("GET /v1/vms")).body).toHaveLength(3);
  });
});
