/**
 * Two organisations, operation by operation: what one has, the other neither sees nor changes. The cases are keyed by operation, so that
 * one which is added without a case fails the compiler and the first test.
 */
import { OPERATIONS, type Operation, type OperationId, type VmId } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OTHER_KEY, testApp, type TestAnswer, type TestApp } from "../../../testing/test-app.ts";
import {
  BUCKET,
  BUILD_NAME,
  everythingOf,
  FILE,
  fill,
  IMAGE,
  MARK,
  NEW_KEY,
  ok,
  REGISTRY,
  SERVICE,
  SNAPSHOT_NAME,
  type Things,
  USER_KEY,
  VM_NAME,
  VOLUME_NAME,
} from "../../../testing/things-of-organisation.ts";

/**
 * `hidden`: 404, as for what does not exist. `elsewhere`: as hidden, by a reference in the body.
 * `empty`: a list without anything. `own`: only what is the caller's. `made`: the caller's own comes to be under that name.
 * `open`: the same for everybody.
 */
type Sight = "hidden" | "elsewhere" | "empty" | "own" | "made" | "open";

interface Case {
  readonly sight: Sight;
  readonly body?: (things: Things) => unknown;
  readonly query?: string;
}

const hidden = (body?: Case["body"]): Case => ({ sight: "hidden", ...(body && { body }) });
const hiddenFile = (path = FILE): Case => ({ sight: "hidden", query: `?path=${path}` });
const hiddenVolumeFile = (path = "/file"): Case => ({ sight: "hidden", query: `?path=${path}` });
const EMPTY: Case = { sight: "empty" };
const OPEN: Case = { sight: "open" };

const CASES: Record<OperationId, Case> = {
  healthz: OPEN,
  livez: OPEN,
  readyz: OPEN,
  openapi: OPEN,
  listVms: EMPTY,
  launchVm: { sight: "elsewhere", body: ({ snapshot }) => ({ snapshotId: snapshot.id }) },
  getVm: hidden(),
  getVmStats: hidden(),
  getVmMetrics: hidden(),
  getVmLogs: hidden(),
  updateVm: hidden(() => ({ name: "renamed" })),
  deleteVm: hidden(),
  pauseVm: hidden(),
  resumeVm: hidden(),
  stopVm: hidden(),
  startVm: hidden(),
  restartVm: hidden(),
  refreshVmTtl: hidden(),
  forkVm: hidden(() => ({ count: 1 })),
  execInVm: hidden(() => ({ command: ["true"] })),
  startExec: hidden(() => ({ command: ["true"] })),
  listExecs: hidden(),
  getExec: hidden(),
  deleteExec: hidden(),
  getExecOutput: hidden(),
  writeExecStdin: hidden(() => ({ data: "aGk=" })),
  signalExec: hidden(),
  resizeExec: hidden(() => ({ cols: 80, rows: 24 })),
  presignFile: hidden(() => ({ path: "/root/file" })),
  fetchFile: hidden(({ downloadUrl }) => ({ url: downloadUrl, path: "/root/file" })),
  listFiles: hiddenFile("/root"),
  statFile: hiddenFile(),
  readFile: hiddenFile(),
  writeFile: hiddenFile("/root/written"),
  makeDir: hidden(() => ({ path: "/root/folder" })),
  removeFile: hidden(() => ({ path: FILE })),
  renameFile: hidden(() => ({ path: FILE, newPath: "/root/moved" })),
  setFileMode: hidden(() => ({ path: FILE, mode: "0600" })),
  watchFiles: hiddenFile("/root/none"),
  createConsoleToken: hidden(),
  getVmFirewall: hidden(),
  setVmFirewall: hidden(() => ({ mode: "open" })),
  patchVmFirewall: hidden(() => ({ mode: "open" })),
  listServices: hidden(),
  registerService: hidden(() => ({ name: "other", port: 9090 })),
  updateService: hidden(() => ({ port: 9090 })),
  deleteService: hidden(),
  listVmSshKeys: hidden(),
  addVmSshKey: hidden(() => ({ publicKey: NEW_KEY })),
  deleteVmSshKey: hidden(),
  listMySshKeys: EMPTY,
  addMySshKey: { sight: "own", body: () => ({ publicKey: NEW_KEY }) },
  deleteMySshKey: hidden(),
  listSnapshots: EMPTY,
  createSnapshot: { sight: "elsewhere", body: ({ vm }) => ({ vmId: vm.id }) },
  getSnapshot: hidden(),
  updateSnapshot: hidden(() => ({ name: "renamed" })),
  deleteSnapshot: hidden(),
  listImages: EMPTY,
  pullImage: { sight: "elsewhere", body: () => ({ reference: IMAGE, policy: "never" }) },
  getImage: hidden(),
  deleteImage: hidden(),
  listRegistries: EMPTY,
  getRegistry: hidden(),
  setRegistry: { sight: "made", body: () => ({ username: "other", password: "other" }) },
  deleteRegistry: hidden(),
  createBuild: { sight: "own", body: () => ({ dockerfileContent: "FROM debian" }) },
  listBuilds: EMPTY,
  getBuild: hidden(),
  getBuildLogs: hidden(),
  cancelBuild: hidden(),
  presignBuildContext: { sight: "own" },
  createSnapshotImport: {
    sight: "elsewhere",
    body: ({ contextRef }) => ({ source: { type: "dockerfile", contextRef } }),
  },
  listSnapshotImports: EMPTY,
  getSnapshotImport: hidden(),
  deleteSnapshotImport: hidden(),
  cancelSnapshotImport: hidden(),
  presignImportContext: { sight: "own" },
  listVolumes: EMPTY,
  createVolume: { sight: "own", body: () => ({ name: VOLUME_NAME, sizeGiB: 1 }) },
  getVolume: hidden(),
  updateVolume: hidden(() => ({ sizeGiB: 2 })),
  deleteVolume: hidden(),
  listVolumeAttachments: hidden(),
  listVolumeFiles: hiddenVolumeFile("/"),
  statVolumeFile: hiddenVolumeFile(),
  readVolumeFile: hiddenVolumeFile(),
  writeVolumeFile: hiddenVolumeFile("/written"),
  makeVolumeDir: hidden(() => ({ path: "/folder" })),
  removeVolumeFile: hidden(() => ({ path: "/file" })),
  renameVolumeFile: hidden(() => ({ path: "/file", newPath: "/moved" })),
  copyVolumeFile: hidden(() => ({ path: "/file", newPath: "/copied" })),
  watchVolumeFiles: hiddenVolumeFile("/none"),
  listVmVolumes: hidden(),
  attachVolume: hidden(({ volume }) => ({ volumeId: volume.id, mountPath: "/mnt/other" })),
  detachVolume: hidden(),
  listBucketMounts: hidden(),
  getBucketMount: hidden(),
  attachBucketMount: hidden(() => ({ bucketUri: "s3://pictures", credentials: BUCKET, mountPath: "/mnt/b" })),
  rotateBucketMount: hidden(() => ({ credentials: BUCKET })),
  detachBucketMount: hidden(),
  listEvents: { sight: "own" },
  listWebhooks: EMPTY,
  createWebhook: { sight: "own", body: () => ({ url: "https://other.example" }) },
  getWebhook: hidden(),
  updateWebhook: hidden(() => ({ enabled: false })),
  deleteWebhook: hidden(),
  replayWebhook: hidden(),
  listWebhookDeliveries: hidden(),
  getWebhookDelivery: hidden(),
  replayWebhookDelivery: hidden(),
  listKeys: { sight: "own" },
  listAudit: { sight: "own" },
  createKey: { sight: "own", body: () => ({}) },
  deleteKey: hidden(),
  getQuotas: { sight: "own" },
  getDiskUsage: { sight: "own" },
};

/** Of whom nobody has the thing: also its owner is refused. */
const REFUSED_TO_ALL: Partial<Record<OperationId, string>> = {
  watchFiles: "file_not_found",
  watchVolumeFiles: "file_not_found",
};

/** The ways to name a thing: its id, the beginning of it, its name. */
const REFERENCES = ["id", "beginning", "name"] as const;
type ReferenceKind = (typeof REFERENCES)[number];

function referTo({ id }: { readonly id: string }, name: string, kind: ReferenceKind): string {
  return { id, beginning: id.slice(0, 8), name: encodeURIComponent(name) }[kind];
}

function routeOf(id: OperationId, things: Things, kind: ReferenceKind): string {
  const { method, path }: Operation = OPERATIONS[id];
  const fingerprint = path.startsWith("/v1/me/") ? things.fingerprints.user : things.fingerprints.vm;
  const url = path
    .replace("{vmId}", referTo(things.vm, VM_NAME, kind))
    .replace("{snapshotId}", referTo(things.snapshot, SNAPSHOT_NAME, kind))
    .replace(/\{(build|import)Id\}/, referTo(things.build, BUILD_NAME, kind))
    .replace("{volumeId}", referTo(things.volume, VOLUME_NAME, kind))
    .replace("{bucketMountId}", things.bucketMountId)
    .replace("{serviceName}", SERVICE)
    .replace("{registry}", REGISTRY)
    .replace("{image}", encodeURIComponent(IMAGE))
    .replace("{keyId}", things.keyId)
    .replace("{webhookId}", things.webhookId)
    .replace("{deliveryId}", things.deliveryId)
    .replace("{execId}", things.execId)
    .replace("{fingerprint}", encodeURIComponent(fingerprint));
  if (url.includes("{")) throw new Error(`${path} has a parameter that this test does not know`);
  return `${method} ${url}${CASES[id].query ?? ""}`;
}

/** What an answer to the other organisation must be. */
function expectSight(sight: Sight, answer: TestAnswer, things: Things): void {
  if (sight === "hidden" || sight === "elsewhere") {
    expect(answer.status, answer.text).toBe(404);
    expect(answer.body.code).toBe("not_found");
  } else {
    expect(answer.status, answer.text).toBeLessThan(300);
    for (const secret of [things.vm.id, things.snapshot.id, things.volume.id, things.fingerprints.user]) {
      expect(answer.text).not.toContain(secret);
    }
  }
  if (sight === "empty") expect([[], { keys: [] }]).toContainEqual(answer.body);
  expect(answer.text).not.toContain(MARK);
}

test("every operation has its case", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
  for (const [id, { sight }] of Object.entries(CASES)) {
    const { path, open }: Operation = OPERATIONS[id as OperationId];
    // Whoever names a thing in the path, or needs no key, has no choice of a case.
    expect(path.includes("{"), id).toBe(sight === "hidden" || sight === "made");
    expect(open === true, id).toBe(sight === "open");
  }
});

describe("what one organisation has", () => {
  let looked: TestApp;
  let lookedAt: Things;

  beforeAll(async () => {
    looked = await testApp();
    lookedAt = await fill(looked);
  });
  afterAll(() => looked[Symbol.asyncDispose]());

  test.each(Object.keys(CASES) as OperationId[])("is not there for another: %s", async (id) => {
    const { sight, body } = CASES[id];
    // Of an owner's look others see nothing, and it takes nothing away; what changes something has all to itself.
    await using own = OPERATIONS[id].method === "GET" ? undefined : await testApp();
    const api = own ?? looked;
    const things = own === undefined ? lookedAt : await fill(own);
    const before = await everythingOf(api, things);
    const kinds = sight === "hidden" ? REFERENCES : (["id"] as const);
    for (const kind of kinds) {
      const route = routeOf(id, things, kind);
      expectSight(sight, await api.call(route, body?.(things), { key: OTHER_KEY }), things);
    }
    expect(await everythingOf(api, things)).toEqual(before);
    if (id === "addMySshKey" || id === "createVolume") return;
    // What a VM has: with it the volume cannot go, and what it has not cannot be taken from it.
    if (id === "detachVolume") {
      await ok(api.call(`POST /v1/vms/${things.vm.id}/volumes`, CASES.attachVolume.body?.(things)));
    }
    const owned = await api.call(routeOf(id, things, "id"), body?.(things));
    // The owner's same call succeeds, so the refusals were for who asked and not for what; a watch, which has no end, is of nothing.
    const refusal = REFUSED_TO_ALL[id];
    if (refusal !== undefined) expect(owned.body.code).toBe(refusal);
    else expect(owned.status, owned.text).toBeLessThan(300);
  });

  test("is found by none of a list's filters", async () => {
    await using api = await testApp();
    await fill(api);
    for (const query of ["status=running", `metadata.mark=${MARK}`, `status=running&metadata.mark=${MARK}`]) {
      expect((await api.call(`GET /v1/vms?${query}`)).body).toHaveLength(1);
      expect((await api.call(`GET /v1/vms?${query}`, undefined, { key: OTHER_KEY })).body).toEqual([]);
    }
  });

  test("counts against its own quota alone", async () => {
    await using api = await testApp();
    await fill(api);
    const { usage } = (await api.call("GET /v1/org/quotas", undefined, { key: OTHER_KEY })).body;
    expect(usage).toEqual({
      vcpu: 0,
      memoryMiB: 0,
      diskGiB: 0,
      snapshotCount: 0,
      volumeCount: 0,
      volumeGiB: 0,
    });
    expect((await api.call("GET /v1/org/quotas")).body.usage).toMatchObject({
      vcpu: 1,
      snapshotCount: 1,
      volumeCount: 1,
      volumeGiB: 1,
    });
  });

  test("takes no room on the disk that is shown to another", async () => {
    await using api = await testApp();
    const { vm, snapshot } = await fill(api);
    const other = (await api.call("GET /v1/org/disk", undefined, { key: OTHER_KEY })).body;
    expect(other).toMatchObject({ usedBytes: 0, vms: [], snapshots: [] });
    const share = { usedBytes: 4096, ownBytes: 1024 };
    expect((await api.call("GET /v1/org/disk")).body).toMatchObject({
      usedBytes: 8192,
      vms: [{ id: vm.id, ...share }],
      snapshots: [{ id: snapshot.id, ...share }],
    });
  });

  test("opens no VM of another: SSH keys go to their organisation's VMs only", async () => {
    await using api = await testApp();
    const things = await fill(api);
    const other = await ok(api.call("POST /v1/vms", { machineType: "c1m2" }, { key: OTHER_KEY }));
    await ok(api.call(`DELETE /v1/me/ssh-keys/${encodeURIComponent(things.fingerprints.user)}`));
    await ok(api.call("POST /v1/me/ssh-keys", { publicKey: USER_KEY }));
    const installed = (id: unknown): string => JSON.stringify(api.worker.vms.get(id as VmId));
    expect(installed(things.vm.id)).toContain(USER_KEY);
    expect(installed(other.id)).not.toContain("ssh-ed25519");
    expect(api.worker.calls).not.toContainEqual({ method: "setAuthorizedKeys", id: other.id });
  });
});

describe("a staging URL of one organisation", () => {
  test("does not bring its object into another's VM", async () => {
    await using api = await testApp();
    const { downloadUrl } = await fill(api);
    const other = await ok(api.call("POST /v1/vms", { machineType: "c1m2" }, { key: OTHER_KEY }));
    const body = { url: downloadUrl, path: "/root/stolen" };
    const fetchFile = (id: string, key: string) => api.call(`POST /v1/vms/${id}/files/fetch`, body, { key });
    const refused = await fetchFile(other.id, OTHER_KEY);
    expect(refused.status, refused.text).toBe(403);
    expect(refused.body).toMatchObject({ code: "forbidden", field: "url" });
    expect([...api.worker.files.keys()]).not.toContain(`${other.id}:/root/stolen`);
  });

  test("brings it into any VM of its own", async () => {
    await using api = await testApp();
    const { downloadUrl } = await fill(api);
    const second = await ok(api.call("POST /v1/vms", { machineType: "c1m2" }));
    await ok(api.call(`POST /v1/vms/${second.id}/files/fetch`, { url: downloadUrl, path: FILE }));
    expect(api.worker.files.get(`${second.id}:${FILE}`)?.toString()).toBe(MARK);
  });

  test("ends with its VM", async () => {
    await using api = await testApp();
    const { vm, downloadUrl, uploadUrl } = await fill(api);
    const second = await ok(api.call("POST /v1/vms", { machineType: "c1m2" }));
    await ok(api.call(`DELETE /v1/vms/${vm.id}`));
    const body = { url: downloadUrl, path: "/root/file" };
    expect((await api.call(`POST /v1/vms/${second.id}/files/fetch`, body)).status).toBe(404);
    for (const [method, url] of [
      ["GET", downloadUrl],
      ["PUT", uploadUrl],
    ] as const) {
      const { pathname, search } = new URL(url);
      const answer = await api.app.inject({ method, url: pathname + search, payload: "late" });
      expect(answer.statusCode, method).toBe(404);
    }
  });
});
