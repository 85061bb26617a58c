/** What a VM mounts that is no volume: files in memory, folders and disks of the host, and whose keys may have those. */
import { expect, onTestFinished, test } from "vitest";
import { OTHER_KEY, testApp, type TestApp } from "../../testing/test-app.ts";

const TMPFS = { tmpfs: { sizeMiB: 64 }, mountPath: "/mnt/tmp", noexec: true };
const HOST = { host: { path: "/srv//share/", hostPermissions: "mirror" }, mountPath: "/mnt/host" };
const IMAGE = { image: { path: "/srv/disk.qcow2" }, mountPath: "/mnt/disk", readOnly: true };
const HOST_AS_KEPT = {
  path: "/srv/share",
  statVirtualization: "strict",
  hostPermissions: "mirror",
  quotaMiB: 4096,
};

async function opened(): Promise<TestApp> {
  const api = await testApp();
  onTestFinished(() => api[Symbol.asyncDispose]());
  return api;
}

const launch = (api: TestApp, volumes: readonly object[], key?: string) =>
  api.call("POST /v1/vms", { machineType: "c1m2", volumes }, key === undefined ? {} : { key });

test("each kind is told to the worker, shown as it was asked for, and taken away by its own id", async () => {
  const api = await opened();
  const { status, body } = await launch(api, [TMPFS, HOST, IMAGE]);
  expect(status).toBe(201);
  expect(body.volumes).toMatchObject([
    { ...TMPFS, mountStatus: "mounted", readOnly: false },
    { host: HOST_AS_KEPT, mountPath: "/mnt/host" },
    { image: { path: "/srv/disk.qcow2", format: "qcow2" }, readOnly: true },
  ]);
  expect(api.worker.volumes.mounted.get(body.id)).toMatchObject([
    { source: { kind: "tmpfs", sizeMib: 64 }, noexec: true },
    { source: { kind: "host", quotaMib: 4096 } },
    { source: { kind: "image", format: "qcow2" } },
  ]);
  const [{ volumeId }] = body.volumes;
  expect((await api.call(`DELETE /v1/vms/${body.id}/volumes/${volumeId}`)).body).toEqual({ detached: true });
  const rest = (await api.call(`GET /v1/vms/${body.id}/volumes`)).body;
  expect(rest.map(({ mountPath }: { mountPath: string }) => mountPath)).toEqual(["/mnt/host", "/mnt/disk"]);
  expect((await api.call(`POST /v1/vms/${body.id}/volumes`, TMPFS)).status).toBe(201);
});

test("a snapshot tells of them in words that can be asked for again, and a fork has them, to read only what is shared", async () => {
  const api = await opened();
  const vm = (await launch(api, [TMPFS, HOST])).body;
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id })).body;
  const paths = ({ volumes = [] }: { volumes?: { mountPath: string; readOnly: boolean }[] }) =>
    volumes.map(({ mountPath, readOnly }) => [mountPath, readOnly]);
  const both = [
    ["/mnt/tmp", false],
    ["/mnt/host", false],
  ];
  const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
  expect(paths(restored)).toEqual(both);
  const asked = await api.call("POST /v1/vms", { snapshotId: snapshot.id, volumes: snapshot.volumes });
  expect(paths(asked.body)).toEqual(both);
  const forked = (await api.call(`POST /v1/vms/${vm.id}/fork`, { volumes: "read-only" })).body;
  expect(paths(forked.children[0].vm)).toEqual([
    ["/mnt/tmp", false],
    ["/mnt/host", true],
  ]);
});

test("of the host a key of another organisation has nothing, and of its own memory what it wants", async () => {
  const api = await opened();
  for (const mount of [HOST, IMAGE]) {
    const answer = await launch(api, [mount], OTHER_KEY);
    expect(answer).toMatchObject({ status: 403, body: { code: "host_mount_denied" } });
  }
  expect((await api.call("GET /v1/vms", undefined, { key: OTHER_KEY })).body).toEqual([]);
  const own = await launch(api, [TMPFS], OTHER_KEY);
  expect(own.status).toBe(201);
  const attached = await api.call(`POST /v1/vms/${own.body.id}/volumes`, HOST, { key: OTHER_KEY });
  expect(attached.body.code).toBe("host_mount_denied");
});

test.each([
  ["nothing to mount", { mountPath: "/mnt/x" }],
  ["two things at once", { ...TMPFS, ...HOST }],
  ["a path that is none", { host: { path: "srv" }, mountPath: "/mnt/x" }],
  ["a path with an end in it", { host: { path: "/srv\0" }, mountPath: "/mnt/x" }],
  ["no memory", { tmpfs: { sizeMiB: 0 }, mountPath: "/mnt/x" }],
  ["a place of the system", { tmpfs: {}, mountPath: "/etc" }],
  ["a limit that is misspelt", { tmpfs: {}, mountPath: "/mnt/x", noExec: true }],
])("a VM does not begin with %s", async (_name, mount) => {
  const api = await opened();
  expect((await launch(api, [mount])).status).toBe(400);
});
