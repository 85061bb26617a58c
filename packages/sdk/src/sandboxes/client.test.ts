/** The client of sandboxes against the real control plane over real sockets; only the VMs are fake. */
import type { FakeWorker } from "@fastvm/control-plane";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { BadRequestError, NotFoundError } from "../index.ts";
import { SandboxesClient } from "../sandboxes.ts";
import type { SandboxSpec } from "../sandboxes.ts";
import { startSandboxesPlane } from "../testing/sandboxes-plane.ts";
import type { SandboxesPlane } from "../testing/sandboxes-plane.ts";

const IMAGE: SandboxSpec["image"] = { Oci: { reference: "base", upper_size_mib: null } };

let plane: SandboxesPlane;
let worker: FakeWorker;
let client: SandboxesClient;

beforeAll(async () => {
  plane = await startSandboxesPlane();
  ({ worker } = plane);
  vi.stubEnv("MSB_API_KEY", plane.apiKey);
  vi.stubEnv("MSB_API_URL", plane.baseUrl);
  client = new SandboxesClient();
}, 60_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await plane[Symbol.asyncDispose]();
});

test("a sandbox is made in either form, found by name and id, stopped, started and deleted", async () => {
  const labels = { of: "test" };
  const made = await client.create({ name: "one", image: IMAGE, labels, resources: { cpus: 2 } });
  expect(made).toMatchObject({ name: "one", status: "running", ephemeral: false });
  const flat = await client.create({ name: "two", image: "base" }, { start: false });
  expect(flat).toMatchObject({ status: "created", ephemeral: true });
  expect((await client.list({ labels })).data.map(({ name }) => name)).toEqual(["one"]);
  const page = await client.list({ limit: 1 });
  expect(page.data.map(({ name }) => name)).toEqual(["two"]);
  expect((await client.list({ cursor: page.next_cursor ?? "" })).data.map(({ name }) => name)).toEqual([
    "one",
  ]);
  expect((await client.stop("one")).status).toMatch(/stop/);
  expect(await client.start(made)).toMatchObject({ id: made.id, status: "running" });
  expect(await client.get({ id: made.id })).toMatchObject({ name: "one" });
  for (const ref of [made, "two"]) expect(await client.delete(ref)).toHaveProperty("message");
  await expect(client.get("one")).rejects.toBeInstanceOf(NotFoundError);
});

test("what is refused says by which field", async () => {
  const refused = client.create({
    name: "bad",
    image: IMAGE,
    rlimits: [{ resource: "Nofile", soft: 2, hard: 1 }],
  });
  await expect(refused).rejects.toBeInstanceOf(BadRequestError);
  await expect(refused).rejects.toMatchObject({ code: "invalid_request", field: "rlimits.0.soft" });
  worker.failNext("launch", new Error("no room on this host"));
  await expect(client.create({ name: "failing", image: IMAGE })).rejects.toMatchObject({ status: "failed" });
  await client.delete("failing");
  vi.stubEnv("MSB_API_KEY", "");
  expect(() => new SandboxesClient()).toThrow("MSB_API_KEY");
});

test("what commands print is followed, and gone on with behind a line", async () => {
  await client.create({ name: "logged", image: IMAGE });
  const say = async (text: string) => {
    worker.command = async function* () {
      yield { kind: "stdout", data: Buffer.from(text) };
      yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
    };
    await client.exec("logged", ["echo"]);
  };
  await say("first");
  await say("second");
  let cursor: string | undefined;
  for await (const line of client.logs("logged", { sources: ["stdout"] })) {
    expect(line).toMatchObject({ source: "stdout", text: "first" });
    ({ cursor } = line);
    break;
  }
  const rest: string[] = [];
  for await (const { text } of client.logs("logged", { sources: ["stdout"], after: cursor })) {
    rest.push(text);
    if (rest.length === 1) await say("third");
    else break;
  }
  expect(rest).toEqual(["second", "third"]);
  await expect(client.logs("none").next()).rejects.toBeInstanceOf(NotFoundError);
});

test("snapshots, forks, samples and volumes", async () => {
  worker.samples = [
    { atMs: 1000, cpuPercent: 1, cpuSeconds: 1, residentBytes: 2, ownBytes: 1, diskBytes: 1 },
  ];
  const source = await client.create({ name: "source", image: IMAGE });
  const full = await client.snapshot(source, "running");
  expect(full).toMatchObject({ name: "running", source_sandbox: "source", integrity: null });
  expect(await client.restore("running", "again")).toMatchObject({ name: "again" });
  const [child] = await client.fork("source", ["child"]);
  expect(child?.sandbox).toMatchObject({ name: "child", status: "running" });
  expect((await client.metrics("source")).samples[0]).toMatchObject({ cpu_percent: 1, memory_bytes: 1 });
  await client.stop("source");
  const spec = { source_sandbox: "source", destination: { Name: "at-rest" }, labels: [], force: false };
  await client.snapshot({ ...spec, record_integrity: true });
  expect(await client.verifySnapshot("at-rest")).toEqual({ verified: true, differing: [] });
  expect((await client.listSnapshots()).map(({ name }) => name).toSorted()).toEqual(["at-rest", "running"]);
  expect((await client.getSnapshot("at-rest")).integrity).toMatch(/^sha256:/);
  await client.deleteSnapshot(full.id);
  const volume = await client.createVolume({
    name: "data",
    kind: "Disk",
    capacity_mib: 1024,
    labels: [["a", "b"]],
  });
  expect(volume).toMatchObject({ name: "data", labels: { a: "b" }, capacity_bytes: 1024 ** 3 });
  expect(await client.listVolumes()).toEqual([volume]);
  await client.deleteVolume(volume.id);
});
