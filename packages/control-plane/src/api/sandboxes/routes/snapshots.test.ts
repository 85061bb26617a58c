/** Full snapshots of sandboxes, what goes on from them, and forks. */
import { FastvmError, hookSteps } from "@fastvm/contract";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeAll(async () => {
  api = await sandboxesApp();
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

const SPEC = {
  image: { type: "oci", reference: "base" },
  env: [{ key: "A", value: "b" }],
  labels: { of: "test" },
  runtime: { workdir: "/srv" },
  network: { ports: [{ host_port: 8080, guest_port: 80 }] },
};
const START = "POST /v1/sandboxes?start=true";

test("a snapshot is made, found, gone on from by another name, and deleted", async () => {
  const { id } = await api.ok(START, { ...SPEC, name: "first" });
  const taken = await api.ok(`POST /v1/sandboxes/${id}/snapshots`, { name: "kept", full: true });
  expect(taken).toMatchObject({ name: "kept", source_sandbox: "first", kind: "full", status: "ready" });
  expect(await api.ok("GET /v1/sandbox-snapshots")).toEqual({ data: [taken] });
  expect(await api.ok("GET /v1/sandbox-snapshots/kept")).toEqual(taken);
  expect(await api.call("GET /v1/sandbox-snapshots/kept", undefined, { key: api.otherKey })).toMatchObject({
    status: 404,
  });
  const restored = await api.ok("POST /v1/sandbox-snapshots/kept/restore", { name: "second" });
  expect(restored).toMatchObject({
    name: "second",
    status: "running",
    spec: { env: SPEC.env, labels: SPEC.labels, runtime: { workdir: "/srv" } },
  });
  const { source, network } = api.fastvm.worker.vms.get(restored.id)?.spec ?? {};
  expect(source).toEqual({ kind: "snapshot", snapshotId: taken.id });
  expect(network?.published).toBeUndefined();
  expect(await api.call("POST /v1/sandbox-snapshots/kept/restore", { name: "second" })).toMatchObject({
    status: 409,
  });
  await api.ok("DELETE /v1/sandbox-snapshots/kept");
  expect(await api.ok("GET /v1/sandbox-snapshots")).toEqual({ data: [] });
  expect(await api.ok("GET /v1/sandboxes/by-name/second")).toMatchObject({ status: "running" });
});

test("a fork has names of its own and no ports, and one that is taken stops all of it", async () => {
  const { id } = await api.ok(START, { ...SPEC, name: "parent" });
  const { children } = await api.ok(`POST /v1/sandboxes/${id}/fork`, { names: ["a", "b"] });
  expect(children).toMatchObject([
    { name: "a", error: null, sandbox: { name: "a", status: "running", spec: { env: SPEC.env } } },
    { name: "b", error: null, sandbox: { name: "b" } },
  ]);
  expect(children[0].sandbox.spec.network).toEqual({});
  expect(await api.call(`POST /v1/sandboxes/${id}/fork`, { names: ["c", "a"] })).toMatchObject({
    status: 409,
  });
  expect(await api.call("GET /v1/sandboxes/by-name/c")).toMatchObject({ status: 404 });
});

test("a fork of which one is deleted meanwhile tells of the others", async () => {
  const { id } = await api.ok(START, { ...SPEC, name: "of-two" });
  const unhook = hookSteps(async (name) => {
    if (name !== "control.fork.settled") return;
    unhook();
    const { id: gone } = await api.ok("GET /v1/sandboxes/by-name/short-lived");
    await api.ok(`DELETE /v1/sandboxes/${gone}`);
  });
  onTestFinished(unhook);
  expect(await api.ok(`POST /v1/sandboxes/${id}/fork`, { names: ["short-lived", "lasting"] })).toMatchObject({
    children: [
      { name: "short-lived", sandbox: null, error: expect.stringContaining("no sandbox has the id") },
      { name: "lasting", sandbox: { name: "lasting", status: "running" }, error: null },
    ],
  });
});

test("one that is stopped is captured, by the name of its destination, and is stopped again", async () => {
  const { id } = await api.ok(START, { ...SPEC, network: {}, name: "at-rest" });
  const spec = {
    source_sandbox: "at-rest",
    destination: { Name: "of-rest" },
    labels: [],
    record_integrity: false,
  };
  expect(await api.call("POST /v1/sandbox-snapshots", spec)).toMatchObject({ status: 409 });
  await api.ok(`POST /v1/sandboxes/${id}/stop`, {});
  const first = await api.ok("POST /v1/sandbox-snapshots", { ...spec, force: false });
  expect(first).toMatchObject({ name: "of-rest", source_sandbox: "at-rest", status: "ready" });
  expect(await api.ok(`GET /v1/sandboxes/${id}`)).toMatchObject({ status: "stopped" });
  const again = await api.call("POST /v1/sandbox-snapshots", spec);
  expect(again).toMatchObject({ status: 400, body: { error: { details: { field: "destination.Name" } } } });
  const second = await api.ok("POST /v1/sandbox-snapshots", { ...spec, force: true });
  expect(await api.ok("GET /v1/sandbox-snapshots/of-rest")).toMatchObject({ id: second.id });
  expect(second.id).not.toBe(first.id);
});

test.each(["sandboxes", "vms"] as const)(
  "one that is started by %s while it boots for that runs on",
  async (by) => {
    const name = `wanted-by-${by}`;
    const { id } = await api.ok(START, { ...SPEC, network: {}, name });
    await api.ok(`POST /v1/sandboxes/${id}/stop`, {});
    const goOn = api.fastvm.worker.hold("startVm");
    const taken = api.ok("POST /v1/sandbox-snapshots", { source_sandbox: name, destination: { Name: name } });
    await expect.poll(() => api.fastvm.worker.calls.at(-1)?.method).toBe("startVm");
    if (by === "vms") await api.fastvm.call(`POST /v1/vms/${id}/start`);
    else await api.ok(`POST /v1/sandboxes/${id}/start`, {});
    goOn();
    expect(await taken).toMatchObject({ status: "ready" });
    expect(await api.ok(`GET /v1/sandboxes/${id}`)).toMatchObject({ status: "running" });
    // Afterwards it is as any other.
    await api.ok(`POST /v1/sandboxes/${id}/stop`, {});
    await api.ok("POST /v1/sandbox-snapshots", { source_sandbox: name, destination: { Name: `${name}-2` } });
    expect(await api.ok(`GET /v1/sandboxes/${id}`)).toMatchObject({ status: "stopped" });
  },
);

test("one that is deleted meanwhile is not found, and what it was to replace may be gone before", async () => {
  const { worker } = api.fastvm;
  const { id } = await api.ok(START, { ...SPEC, network: {}, name: "vanishing" });
  await api.ok(`POST /v1/sandboxes/${id}/stop`, {});
  const order = { source_sandbox: "vanishing", destination: { Name: "of-vanishing" }, force: true };
  const first = await api.ok("POST /v1/sandbox-snapshots", order);
  let goOn = worker.hold("createSnapshot");
  const second = api.ok("POST /v1/sandbox-snapshots", order);
  await expect.poll(() => worker.calls.at(-1)?.method).toBe("createSnapshot");
  await api.ok(`DELETE /v1/sandbox-snapshots/${first.id}`);
  goOn();
  expect(await second).toMatchObject({ name: "of-vanishing", status: "ready" });
  goOn = worker.hold("startVm");
  const third = api.call("POST /v1/sandbox-snapshots", order);
  await expect.poll(() => worker.calls.at(-1)?.method).toBe("startVm");
  await api.ok(`DELETE /v1/sandboxes/${id}`);
  goOn();
  expect(await third).toMatchObject({ status: 404, body: { error: { details: { field: "sandbox" } } } });
});

test("has labels of its own, and is compared with what was recorded of its files", async () => {
  const { id } = await api.ok(START, { ...SPEC, network: {}, name: "labelled" });
  await api.ok(`POST /v1/sandboxes/${id}/stop`, {});
  const taken = await api.ok("POST /v1/sandbox-snapshots", {
    source_sandbox: "labelled",
    destination: { Name: "proven" },
    labels: [
      ["team", "a"],
      ["empty", ""],
      ["__proto__", "b"],
    ],
    record_integrity: true,
  });
  const integrity = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string;
  expect(taken).toMatchObject({ labels: { of: "test", team: "a", empty: "" }, integrity });
  expect(Object.entries(taken.labels)).toContainEqual(["__proto__", "b"]);
  const verify = () => api.ok("POST /v1/sandbox-snapshots/proven/verify");
  expect(await verify()).toEqual({ verified: true, differing: [] });
  api.fastvm.worker.damaged.add(taken.id);
  expect(await verify()).toEqual({ verified: false, differing: ["manifest.json"] });
  api.fastvm.worker.snapshots.delete(taken.id);
  expect(await verify()).toEqual({ verified: false, differing: ["manifest.json"] });
  api.fastvm.worker.snapshots.add(taken.id);
  const goOn = api.fastvm.worker.hold("digestSnapshot");
  const late = api.call("POST /v1/sandbox-snapshots/proven/verify");
  await expect.poll(() => api.fastvm.worker.calls.at(-1)?.method).toBe("digestSnapshot");
  await api.ok("DELETE /v1/sandbox-snapshots/proven");
  goOn();
  expect(await late).toMatchObject({ status: 404, body: { error: { details: { field: "snapshot" } } } });
  const plain = await api.ok("POST /v1/sandbox-snapshots", {
    source_sandbox: "labelled",
    destination: { Name: "unproven" },
  });
  expect(plain).toMatchObject({ labels: { of: "test" }, integrity: null });
  expect(await api.call("POST /v1/sandbox-snapshots/unproven/verify")).toMatchObject({
    status: 400,
    body: { error: { details: { field: "snapshot" } } },
  });
  api.fastvm.worker.failNext("digestSnapshot", new FastvmError("out_of_disk"));
  const failing = {
    source_sandbox: "labelled",
    destination: { Name: "unread" },
    record_integrity: true,
  };
  expect((await api.call("POST /v1/sandbox-snapshots", failing)).status).toBe(507);
  expect((await api.call("GET /v1/sandbox-snapshots/unread")).status).toBe(404);
  expect(api.fastvm.worker.snapshots.size).toBe((await api.ok("GET /v1/sandbox-snapshots")).data.length);
});

test.each<[string, object]>([
  ["destination.Path", { destination: { Path: "/srv/a" } }],
  ["destination.Name", { destination: {} }],
  ["labels.sandbox.a", { labels: [["sandbox.a", "b"]] }],
  ["labels", { labels: [["", "b"]] }],
  [
    "labels.1",
    {
      labels: [
        ["a", "b"],
        ["a", "c"],
      ],
    },
  ],
  ["record_integrity", { record_integrity: "yes" }],
  ["force", { force: "yes" }],
  ["source_sandbox", { source_sandbox: "" }],
])("refuses %s of a SnapshotSpec by its name", async (field, fields) => {
  const spec = {
    source_sandbox: "x",
    destination: { Name: "y" },
    labels: [],
    force: false,
    record_integrity: false,
  };
  expect(await api.call("POST /v1/sandbox-snapshots", { ...spec, ...fields })).toMatchObject({
    status: 400,
    body: { error: { details: { field } } },
  });
});

test.each<[string, string, object]>([
  ["full", "snapshots", { name: "x", full: false }],
  ["labels", "snapshots", { name: "x", full: true, labels: [] }],
  ["names.1", "fork", { names: ["ok", "-no"] }],
  ["names", "fork", { names: ["x", "x"] }],
  ["names", "fork", { names: [] }],
])("refuses %s of %s by its name", async (field, verb, body) => {
  const { id } = await api.ok("POST /v1/sandboxes", {
    ...SPEC,
    network: {},
    name: `of-${verb}-${field}-${made++}`,
  });
  expect(await api.call(`POST /v1/sandboxes/${id}/${verb}`, body)).toMatchObject({
    status: 400,
    body: { error: { details: { field } } },
  });
});
let made = 0;
