/** Volumes from their making to their end, and what VMs, snapshots and forks have of them. */
import { FastvmError, type VmId, type VolumeId } from "@fastvm/contract";
import { describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { OTHER_KEY, testApp, type TestApp } from "../../testing/test-app.ts";
import { TEST_STORES } from "../../testing/test-stores.ts";

const NEVER_MS = 3_600_000;
const LIMITS = { vcpu: 99, memoryMiB: 99_999, diskGiB: 999, snapshotCount: 9, volumeCount: 2, volumeGiB: 10 };

async function opened(options: Parameters<typeof testApp>[0] = {}): Promise<TestApp> {
  const api = await testApp(options);
  onTestFinished(() => api[Symbol.asyncDispose]());
  return api;
}

const made = async (api: TestApp, name = "data", more: object = {}): Promise<VolumeId> =>
  (await api.call("POST /v1/volumes", { name, sizeGiB: 2, ...more })).body.id;

const launched = async (api: TestApp, volumes: readonly object[] = []): Promise<VmId> =>
  (await api.call("POST /v1/vms", { machineType: "c1m2", volumes })).body.id;

const at = (volumeId: string, mountPath = "/mnt/data") => ({ volumeId, mountPath });

describe("a volume", () => {
  test("is made, found by id, name and prefix, grows, is renamed, and goes", async () => {
    const api = await opened();
    const answer = await api.call("POST /v1/volumes", { name: " my  data ", sizeGiB: 2 });
    expect(answer.status).toBe(201);
    const { id } = answer.body;
    expect(answer.body).toMatchObject({
      name: "my data",
      accessMode: "rw",
      status: "ready",
      mountedCount: 0,
    });
    for (const reference of [id, id.slice(0, 8), "my%20data"]) {
      expect((await api.call(`GET /v1/volumes/${reference}`)).body).toMatchObject({ id, usedGiB: 0.01 });
    }
    const grown = await api.call(`PATCH /v1/volumes/${id}`, { sizeGiB: 5, name: "big" });
    expect(grown.body).toMatchObject({ sizeGiB: 5, name: "big" });
    expect(grown.body).not.toHaveProperty("pendingSizeGiB");
    expect(api.worker.volumes.all.get(id)?.sizeGib).toBe(5);
    expect((await api.call(`PATCH /v1/volumes/${id}`, { sizeGiB: 4 })).status).toBe(400);
    expect((await api.call(`PATCH /v1/volumes/${id}`, {})).status).toBe(400);
    expect((await api.call(`DELETE /v1/volumes/big`)).body).toEqual({ id, deleted: true });
    expect((await api.call(`GET /v1/volumes/${id}`)).status).toBe(404);
    expect(api.worker.volumes.all.size).toBe(0);
  });

  test("has a name that no other of its organisation has", async () => {
    const api = await opened();
    await made(api);
    const again = await api.call("POST /v1/volumes", { name: "data", sizeGiB: 1 });
    expect(again).toMatchObject({ status: 409, body: { code: "conflict", field: "name" } });
    const other = await api.call("POST /v1/volumes", { name: "data", sizeGiB: 1 }, { key: OTHER_KEY });
    expect(other.status).toBe(201);
    const second = await made(api, "second");
    expect((await api.call(`PATCH /v1/volumes/${second}`, { name: "data" })).status).toBe(409);
  });

  test("counts against the quota, what it is to grow to as well", async () => {
    const api = await opened({ config: { defaultLimits: LIMITS } });
    const id = await made(api, "one", { sizeGiB: 6 });
    const tooLarge = await api.call("POST /v1/volumes", { name: "two", sizeGiB: 5 });
    expect(tooLarge).toMatchObject({ status: 403, body: { code: "quota_exceeded" } });
    expect(tooLarge.body.error).toContain("volumeGiB: 6 of 10");
    expect((await api.call(`PATCH /v1/volumes/${id}`, { sizeGiB: 11 })).status).toBe(403);
    await made(api, "two", { sizeGiB: 1 });
    expect((await api.call("POST /v1/volumes", { name: "three", sizeGiB: 1 })).body.error).toContain(
      "volumeCount: 2 of 2",
    );
    const { limits, usage } = (await api.call("GET /v1/org/quotas")).body;
    expect([limits, usage]).toMatchObject([
      { volumeCount: 2, volumeGiB: 10 },
      { volumeCount: 2, volumeGiB: 7 },
    ]);
  });

  test("that the host has no room for leaves nothing; one that cannot grow is as it was", async () => {
    const api = await opened();
    api.worker.failNext("volumes.create", new FastvmError("out_of_disk"));
    expect((await api.call("POST /v1/volumes", { name: "data", sizeGiB: 2 })).status).toBe(507);
    expect((await api.call("GET /v1/volumes")).body).toEqual([]);
    const id = await made(api);
    api.worker.failNext("volumes.grow", new FastvmError("out_of_disk"));
    expect((await api.call(`PATCH /v1/volumes/${id}`, { sizeGiB: 9 })).status).toBe(507);
    const after = (await api.call(`GET /v1/volumes/${id}`)).body;
    expect(after).toMatchObject({ sizeGiB: 2 });
    expect(after).not.toHaveProperty("pendingSizeGiB");
  });

  test("stays while a VM has it, running or paused", async () => {
    const api = await opened();
    const id = await made(api);
    const vm = await launched(api, [at(id)]);
    const refused = async () => (await api.call(`DELETE /v1/volumes/${id}`)).body.code;
    expect(await refused()).toBe("volume_busy");
    await api.call(`POST /v1/vms/${vm}/pause`);
    expect(await refused()).toBe("volume_busy");
    await api.call(`DELETE /v1/vms/${vm}`);
    expect((await api.call(`DELETE /v1/volumes/${id}`)).status).toBe(200);
  });
});

describe("a VM", () => {
  test("mounts what it is launched with, and shows it; the volume tells of it", async () => {
    const api = await opened();
    const id = await made(api);
    const answer = await api.call("POST /v1/vms", {
      machineType: "c1m2",
      volumes: [at("data", "/mnt//data/")],
    });
    const vm = answer.body;
    expect(vm.volumes).toEqual([{ ...at(id), mountStatus: "mounted", readOnly: false }]);
    expect(vm).not.toHaveProperty("attachmentWarnings");
    expect(api.worker.volumes.mounted.get(vm.id)).toEqual([{ ...at(id), readOnly: false }]);
    expect((await api.call(`GET /v1/volumes/${id}`)).body.mountedCount).toBe(1);
    expect((await api.call(`GET /v1/volumes/${id}/attachments`)).body).toEqual([
      { vmId: vm.id, ...at(id), mountStatus: "mounted", readOnly: false },
    ]);
    await api.call(`POST /v1/vms/${vm.id}/pause`);
    expect((await api.call(`GET /v1/volumes/${id}`)).body.mountedCount).toBe(0);
    expect((await api.call(`GET /v1/vms/${vm.id}/volumes`)).body).toMatchObject([{ mountStatus: "pending" }]);
    await api.call(`POST /v1/vms/${vm.id}/resume`);
    expect(api.worker.volumes.mounted.get(vm.id)).toEqual([{ ...at(id), readOnly: false }]);
  });

  test.each([
    ["a place of the system", [at("data", "/etc")]],
    ["a place beside", [at("data", "/mnt/../etc")]],
    ["one within another", [at("data", "/mnt/a"), at("other", "/mnt/a/b")]],
    ["one place twice", [at("data", "/mnt/a"), at("other", "/mnt/a")]],
    ["one volume twice", [at("data", "/mnt/a"), at("data", "/mnt/b")]],
    ["what there is not", [at("none")]],
    ["writing to what is for reading", [{ ...at("read"), readOnly: false }]],
  ])("does not begin with %s", async (_name, volumes) => {
    const api = await opened();
    await made(api);
    await made(api, "other");
    await made(api, "read", { accessMode: "ro" });
    const answer = await api.call("POST /v1/vms", { machineType: "c1m2", volumes });
    expect(answer.status, answer.text).toBeGreaterThanOrEqual(400);
    expect(answer.status, answer.text).toBeLessThan(500);
    expect((await api.call("GET /v1/vms")).body).toEqual([]);
  });

  test("runs without a volume that cannot be mounted, and says so", async () => {
    const api = await opened();
    const id = await made(api);
    api.worker.volumes.unmountable.set(id, "no room");
    const { status, body } = await api.call("POST /v1/vms", { machineType: "c1m2", volumes: [at(id)] });
    expect(status).toBe(201);
    expect(body.attachmentWarnings).toEqual({
      failedVolumeAttachments: [{ ...at(id), statusMessage: "no room" }],
    });
    expect(body.volumes).toMatchObject([{ mountStatus: "failed", statusMessage: "no room" }]);
    expect((await api.call(`GET /v1/volumes/${id}`)).body.mountedCount).toBe(0);
    api.worker.volumes.unmountable.clear();
    await api.call(`POST /v1/vms/${body.id}/pause`);
    expect((await api.call(`POST /v1/vms/${body.id}/resume`)).body.volumes).toMatchObject([
      { mountStatus: "mounted" },
    ]);
  });

  test("is given a volume while it runs or is paused, and it is taken from it", async () => {
    const api = await opened();
    const id = await made(api, "data", { accessMode: "ro" });
    const vm = await launched(api);
    const attached = await api.call(`POST /v1/vms/${vm}/volumes`, at("data"));
    expect(attached).toMatchObject({
      status: 201,
      body: { ...at(id), mountStatus: "mounted", readOnly: true },
    });
    expect((await api.call(`POST /v1/vms/${vm}/volumes`, at("data", "/mnt/x"))).body.code).toBe(
      "volume_busy",
    );
    api.worker.volumes.busy.add(id);
    const busy = await api.call(`DELETE /v1/vms/${vm}/volumes/${id}`);
    expect(busy).toMatchObject({ status: 502, body: { error: "guest_umount_busy" } });
    expect((await api.call(`GET /v1/vms/${vm}`)).body.volumes).toHaveLength(1);
    const forced = await api.call(`DELETE /v1/vms/${vm}/volumes/data?force=true`);
    expect(forced.body).toMatchObject({ detached: true, warnings: [{ type: "ack_timeout" }] });
    expect((await api.call(`GET /v1/vms/${vm}`)).body).not.toHaveProperty("volumes");
    expect((await api.call(`DELETE /v1/vms/${vm}/volumes/data`)).status).toBe(404);
    await api.call(`POST /v1/vms/${vm}/pause`);
    await api.call(`POST /v1/vms/${vm}/volumes`, at(id));
    await api.call(`POST /v1/vms/${vm}/resume`);
    expect(api.worker.volumes.mounted.get(vm)).toEqual([{ ...at(id), readOnly: true }]);
  });

  test("that does not take a volume does not have it", async () => {
    const api = await opened();
    const id = await made(api);
    const vm = await launched(api);
    api.worker.failNext("volumes.attach", new FastvmError("guest_unresponsive"));
    expect((await api.call(`POST /v1/vms/${vm}/volumes`, at(id))).status).toBe(502);
    expect((await api.call(`GET /v1/vms/${vm}`)).body).not.toHaveProperty("volumes");
    expect(api.worker.volumes.mounted.get(vm) ?? []).toEqual([]);
  });
});

describe("a disk", () => {
  test("is one VM's, running or paused; a fork has none, and what is restored only when it is free", async () => {
    const api = await opened();
    const id = await made(api, "disk", { kind: "disk" });
    const vm = await launched(api, [at(id)]);
    expect(api.worker.volumes.mounted.get(vm)).toMatchObject([{ volumeId: id, isDisk: true }]);
    const second = await api.call("POST /v1/vms", { machineType: "c1m2", volumes: [at(id)] });
    expect(second.body.code).toBe("volume_busy");
    const forked = (await api.call(`POST /v1/vms/${vm}/fork`, {})).body;
    expect(forked.children[0].vm).not.toHaveProperty("volumes");
    const snapshotId = (await api.call("POST /v1/snapshots", { vmId: vm })).body.id;
    const busy = (await api.call("POST /v1/vms", { snapshotId })).body;
    expect(busy.attachmentWarnings.skippedSnapshotVolumes).toEqual([{ ...at(id), reason: "in_use" }]);
    await api.call(`DELETE /v1/vms/${vm}`);
    const free = (await api.call("POST /v1/vms", { snapshotId })).body;
    expect(api.worker.volumes.mounted.get(free.id)).toMatchObject([{ volumeId: id, isDisk: true }]);
  });
});

describe("what is made of a VM", () => {
  test("a snapshot keeps its volumes; what is restored has them, or others in their place", async () => {
    const api = await opened();
    const [id, other] = [await made(api), await made(api, "other")];
    const vm = await launched(api, [at(id)]);
    const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm })).body;
    expect(snapshot.volumes).toEqual([{ ...at(id), readOnly: false }]);
    const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
    expect(api.worker.volumes.mounted.get(restored.id)).toEqual([{ ...at(id), readOnly: false }]);
    const replaced = (await api.call("POST /v1/vms", { snapshotId: snapshot.id, volumes: [at(other)] })).body;
    expect(api.worker.volumes.mounted.get(replaced.id)).toEqual([{ ...at(other), readOnly: false }]);
    const without = (await api.call("POST /v1/vms", { snapshotId: snapshot.id, volumes: [] })).body;
    expect(without).not.toHaveProperty("volumes");
  });

  test("what is restored does without what is gone or not to be written to any more, and says why", async () => {
    const api = await opened();
    const [gone, read] = [await made(api, "gone"), await made(api, "read")];
    const vm = await launched(api, [at(gone, "/mnt/gone"), at(read, "/mnt/read")]);
    const { id: snapshotId } = (await api.call("POST /v1/snapshots", { vmId: vm })).body;
    expect((await api.call(`PATCH /v1/volumes/${read}`, { accessMode: "ro" })).body.code).toBe("volume_busy");
    await api.call(`DELETE /v1/vms/${vm}`);
    await api.call(`DELETE /v1/volumes/${gone}`);
    expect((await api.call(`PATCH /v1/volumes/${read}`, { accessMode: "ro" })).status).toBe(200);
    const { body } = await api.call("POST /v1/vms", { snapshotId });
    expect(body.attachmentWarnings).toEqual({
      skippedSnapshotVolumes: [
        { ...at(gone, "/mnt/gone"), reason: "deleted" },
        { ...at(read, "/mnt/read"), reason: "vol_ro_ceiling_after_patch" },
      ],
    });
    expect(body).not.toHaveProperty("volumes");
  });

  test.each([
    [undefined, [{ readOnly: false }]],
    ["shared", [{ readOnly: false }]],
    ["read-only", [{ readOnly: true }]],
    ["none", []],
  ])("children of a fork have volumes as the policy says: %s", async (volumes, expected) => {
    const api = await opened();
    const id = await made(api);
    const vm = await launched(api, [at(id)]);
    const forked = (await api.call(`POST /v1/vms/${vm}/fork`, { count: 2, volumes })).body;
    expect(forked.children).toHaveLength(2);
    for (const child of forked.children) {
      expect(api.worker.volumes.mounted.get(child.vm.id) ?? []).toMatchObject(expected);
      expect(child.vm.volumes ?? []).toMatchObject(expected);
    }
  });
});

describe("a fork that copies", () => {
  test("gives each child a volume of its own, of what the source has; one that fails leaves none", async () => {
    const api = await opened();
    const id = await made(api);
    const vm = await launched(api, [at(id), { tmpfs: {}, mountPath: "/mnt/memory" }]);
    const order = { count: 2, volumes: "copy" };
    const forked = (await api.call(`POST /v1/vms/${vm}/fork`, order)).body;
    const copies = [];
    for (const child of forked.children) {
      const [volume, memory] = child.vm.volumes;
      expect(volume).toMatchObject({ mountPath: "/mnt/data", mountStatus: "mounted" });
      expect(memory).toMatchObject({ mountPath: "/mnt/memory" });
      expect(api.worker.volumes.all.get(volume.volumeId)).toMatchObject({ copyOf: id, sizeGib: 2 });
      copies.push(volume.volumeId);
    }
    expect(new Set([id, ...copies]).size).toBe(3);
    for (const copy of copies)
      expect((await api.call(`GET /v1/volumes/${copy}`)).body).toMatchObject({
        status: "ready",
        mountedCount: 1,
      });
    const before = api.worker.volumes.all.size;
    for (const method of ["fork", "volumes.create"] as const) {
      api.worker.failNext(method, new FastvmError("out_of_disk"));
      expect((await api.call(`POST /v1/vms/${vm}/fork`, order)).status).toBe(507);
      expect(api.worker.volumes.all.size).toBe(before);
      expect((await api.call("GET /v1/volumes")).body).toHaveLength(before);
    }
  });

  test("counts against the quota before anything is copied", async () => {
    const api = await opened({ config: { defaultLimits: LIMITS } });
    const vm = await launched(api, [at(await made(api))]);
    const refused = await api.call(`POST /v1/vms/${vm}/fork`, { count: 2, volumes: "copy" });
    expect(refused.body.code).toBe("quota_exceeded");
    expect(api.worker.volumes.all.size).toBe(1);
  });
});

describe.each(TEST_STORES)("on $name, the next process", ({ open }) => {
  test("undoes what was half made, ends what was to go, and lets grow what was to grow", async () => {
    const store = await open();
    const worker = new FakeWorker();
    const kept = { ...store, close: async () => undefined };
    const config = { reconcileEveryMs: NEVER_MS };
    let ids: VolumeId[];
    {
      await using first = await testApp({ store: kept, worker, config });
      ids = await Promise.all(["half", "going", "growing", "lost"].map((name) => made(first, name)));
    }
    const [half, going, growing, lost] = ids as [VolumeId, VolumeId, VolumeId, VolumeId];
    await store.volumes.changeStatus(half, "ready", "creating", {});
    await store.volumes.changeStatus(going, "ready", "deleting", {});
    await store.volumes.update(growing, { pendingSizeGib: 7 });
    const spec = worker.volumes.all.get(lost);
    worker.volumes.all.delete(lost);
    {
      await using second = await testApp({ store: kept, worker, config });
      await eventually(async () => {
        const volumes = (await second.call("GET /v1/volumes")).body;
        expect(volumes).toHaveLength(2);
        expect(volumes).toContainEqual(expect.objectContaining({ id: growing, sizeGiB: 7 }));
        expect(volumes).toContainEqual(expect.objectContaining({ id: lost, status: "error" }));
      });
      expect([...worker.volumes.all.keys()]).toEqual([growing]);
    }
    if (spec !== undefined) worker.volumes.all.set(lost, spec);
    await using third = await testApp({ store: kept, worker, config });
    await eventually(async () =>
      expect((await third.call(`GET /v1/volumes/${lost}`)).body.status).toBe("ready"),
    );
    await store.close();
  });
});
