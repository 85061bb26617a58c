/** Volumes and their files as clients of sandboxes have them. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { sandboxesApp, type SandboxesApp } from "../../../../testing/sandboxes-app.ts";

let api: SandboxesApp;
let id: string;

/** On a machine that is busy with others. */
beforeEach(async () => {
  api = await sandboxesApp();
  ({ id } = await api.ok("POST /v1/volumes", { name: "data", capacity_gib: 2 }));
}, 60_000);
afterEach(() => api[Symbol.asyncDispose]());

const at = (path: string) => ({
  headers: { "x-msb-file-path": Buffer.from(path).toString("base64url") },
});

test("are listed as a bare list, read and deleted, and are the engine's", async () => {
  const [volume] = await api.ok("GET /v1/volumes");
  expect(volume).toMatchObject({ id, name: "data", kind: "managed", status: "active" });
  expect(volume.capacity_bytes).toBe(2 * 1024 ** 3);
  expect(await api.ok(`GET /v1/volumes/${id}`)).toEqual(volume);
  expect((await api.fastvm.call("GET /v1/volumes")).body).toMatchObject([{ id, sizeGiB: 2 }]);
  expect((await api.call("POST /v1/volumes", { name: "data" })).status).toBe(409);
  const reserved = await api.call("POST /v1/volumes", { name: "b", labels: { "service.a": "b" } });
  expect(reserved.body.error).toMatchObject({ details: { field: "labels.service.a" } });
  const labels = { of: "test", empty: "" };
  const labelled = await api.ok("POST /v1/volumes", { name: "b", labels });
  expect(labelled.labels).toEqual(labels);
  expect((await api.ok(`GET /v1/volumes/${labelled.id}`)).labels).toEqual(labels);
  await api.ok(`DELETE /v1/volumes/${labelled.id}`);
  expect((await api.call("GET /v1/volumes/default")).body.code).toBe("volume_not_found");
  expect((await api.call(`GET /v1/volumes/${id}`, undefined, { key: api.otherKey })).status).toBe(404);
  expect(await api.ok(`DELETE /v1/volumes/${id}`)).toEqual({ message: "the volume was deleted" });
  expect(await api.ok("GET /v1/volumes")).toEqual([]);
});

test("are made as the local client describes them: kind, size and labels", async () => {
  const labels = [
    ["of", "test"],
    ["empty", ""],
  ];
  const spec = { name: "shared", kind: "Directory", quota_mib: 1500, capacity_mib: null, labels };
  const directory = await api.ok("POST /v1/volumes", spec);
  expect(directory).toMatchObject({ name: "shared", labels: { of: "test", empty: "" } });
  const disk = await api.ok("POST /v1/volumes", {
    ...{ name: "own", kind: "Disk", quota_mib: null, capacity_mib: 1024, labels: [] },
  });
  const made = (await api.fastvm.call("GET /v1/volumes")).body;
  expect(made).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ id: directory.id, kind: "directory", sizeGiB: 2 }),
      expect.objectContaining({ id: disk.id, kind: "disk", sizeGiB: 1 }),
    ]),
  );
});

test.each<[string, object]>([
  ["name", { name: "" }],
  ["kind", { kind: "Tape" }],
  ["quota_mib", { quota_mib: 0 }],
  ["quota_mib", { quota_mib: 16 * 1024 ** 2 + 1 }],
  ["capacity_mib", { kind: "Disk", capacity_mib: Number.MAX_SAFE_INTEGER }],
  ["quota_mib", { kind: "Disk", capacity_mib: 1, quota_mib: 1 }],
  ["capacity_mib", { kind: "Disk" }],
  ["capacity_mib", { capacity_mib: 1024 }],
  ["capacity_mib", { kind: "Disk", capacity_mib: 1024, capacity_gib: 1 }],
  ["labels.0", { labels: [["a"]] }],
  [
    "labels.1",
    {
      labels: [
        ["a", "b"],
        ["a", "c"],
      ],
    },
  ],
  ["labels.service.a", { labels: [["service.a", "b"]] }],
  ["labels", { labels: "a" }],
  ["size_mib", { size_mib: 1 }],
])("refuse %s by its name, and make nothing", async (field, fields) => {
  const before = await api.ok("GET /v1/volumes");
  expect(await api.call("POST /v1/volumes", { name: "bad", labels: [], ...fields })).toMatchObject({
    status: 400,
    body: { code: "invalid_request", error: { details: { field } } },
  });
  expect(await api.ok("GET /v1/volumes")).toEqual(before);
});

test("have files, at paths that a header has", async () => {
  const files = `/v1/volumes/${id}/files`;
  await api.ok(`PUT ${files}/content`, undefined, { ...at("/x?>~"), payload: Buffer.from("in it") });
  await api.ok(`POST ${files}/mkdir`, { path: "/deep/er" });
  await api.ok(`POST ${files}/mkdir`, { path: "/deep/er" });
  await api.ok(`POST ${files}/copy`, { from: "/x?>~", to: "/deep/copy" });
  await api.ok(`POST ${files}/rename`, { from: "/deep/copy", to: "/deep/moved" });
  expect((await api.call(`GET ${files}/content`, undefined, at("/deep/moved"))).text).toBe("in it");
  const { entries } = await api.ok(`GET ${files}`, undefined, at(""));
  expect(entries).toMatchObject([
    { path: "/deep", kind: "directory" },
    { path: "/x?>~", kind: "file", size: 5, readonly: false },
  ]);
  expect(await api.ok(`GET ${files}/stat`, undefined, at("/x?>~"))).toMatchObject({ metadata: { size: 5 } });
  await api.ok(`DELETE ${files}`, undefined, at("/x?>~"));
  expect(await api.ok(`GET /v1/volumes/${id}/files/exists`, undefined, at("/x?>~"))).toEqual({
    exists: false,
  });
  expect(await api.ok(`GET ${files}/exists`, undefined, at("/deep"))).toEqual({ exists: true });
  const recursive = { headers: { ...at("/deep").headers, "x-msb-file-recursive": "true" } };
  expect((await api.call(`DELETE ${files}`, undefined, at("/deep"))).status).toBe(409);
  await api.ok(`DELETE ${files}`, undefined, recursive);
});

test("whose file is not there, or whose path is none, say so in the client's words", async () => {
  const files = `/v1/volumes/${id}/files`;
  const missing = await api.call(`GET ${files}/content`, undefined, at("/none"));
  expect(missing).toMatchObject({ status: 404, body: { code: "volume_file_not_found" } });
  const none = await api.call(`GET ${files}/stat`, undefined, { headers: { "x-msb-file-path": "a+/=" } });
  expect(none).toMatchObject({ status: 400, body: { code: "invalid_volume_path" } });
  expect((await api.call(`GET ${files}/stat`)).body.code).toBe("invalid_volume_path");
});
