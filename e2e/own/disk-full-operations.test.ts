import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FastvmClient, Vm } from "fastvm";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { LoopFilesystem } from "../harness/loop-filesystem.ts";

const DISK_MIB = 2048;
const MIB = 1024 * 1024;
const SETTLE_MS = 20_000;
const OUT_OF_DISK = { status: 507, body: { code: "out_of_disk" } };
const CLOSED = { egress: { default: "deny" } };

let disk: LoopFilesystem;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let memory: Memory;

beforeAll(async () => {
  disk = await LoopFilesystem.mount("ext4", DISK_MIB);
  daemon = await TestDaemon.start({ dataDir: join(disk.folder, "data"), poolSize: 0 });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
  memory = await startKeeper(client, vm);
  await reserved();
});

afterEach(async () => {
  await disk.freeUp();
});

afterAll(async () => {
  try {
    await daemon?.[Symbol.asyncDispose]();
  } finally {
    await disk?.[Symbol.asyncDispose]();
  }
});

const inData = (...names: string[]): string => join(daemon.config.dataDir, ...names);

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    headers: { "x-api-key": daemon.apiKey },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
}

/** Starts and deletes on a full disk live on it. */
async function reserved(): Promise<void> {
  await eventually(async () => expect((await stat(inData("reserve"))).size).toBe(16 * MIB), SETTLE_MS);
}

async function leftovers(): Promise<string[]> {
  const names = await readdir(daemon.config.dataDir, { recursive: true });
  return names.filter((name) => /\.(new|partial|part-\d+)$/.test(name));
}

test("changes and uploads are refused as what they are, and nothing of them is left", async () => {
  const presigned = await call("POST", `/v1/vms/${vm.id}/files/presign`, {});
  const { uploadUrl } = presigned.body as { uploadUrl: string };
  const policy = (await call("GET", `/v1/vms/${vm.id}/firewall`)).body;
  await sh(client, vm, "echo last words > /dev/console");
  await disk.fill();
  const logs = (await call("GET", `/v1/vms/${vm.id}/logs`)) as { status: number; body: { console: string } };
  expect(logs.status).toBe(200);
  expect(logs.body.console).toContain("last words");
  const length = await fetch(uploadUrl, { method: "PUT", body: "a few bytes" });
  expect({ status: length.status, body: await length.json() }).toMatchObject(OUT_OF_DISK);
  const chunked = await fetch(uploadUrl, {
    method: "PUT",
    body: new Blob(["a few bytes"]).stream(),
    duplex: "half",
  });
  expect({ status: chunked.status, body: await chunked.json() }).toMatchObject(OUT_OF_DISK);
  expect(await call("PUT", `/v1/vms/${vm.id}/firewall`, CLOSED)).toMatchObject(OUT_OF_DISK);
  expect(await call("PATCH", `/v1/vms/${vm.id}`, { ttl: { action: "pause", seconds: 3600 } })).toMatchObject(
    OUT_OF_DISK,
  );
  const service = { name: "web", port: 8080 };
  // Where the log of the records has room from before a change is written all the same.
  const made = await call("POST", `/v1/vms/${vm.id}/services`, service);
  if (made.status !== 201) expect(made).toMatchObject(OUT_OF_DISK);
  expect(await leftovers()).toEqual([]);
  expect((await call("GET", `/v1/vms/${vm.id}/firewall`)).body).toEqual(policy);
  await disk.freeUp();
  expect((await call("PUT", `/v1/vms/${vm.id}/firewall`, CLOSED)).status).toBe(200);
  expectContinues(await askKeeper(client, vm), memory);
});

test("a daemon that was stopped on it starts again, more than once, and its VMs have run on", async () => {
  await disk.fill();
  for (let round = 0; round < 2; round++) {
    await daemon.stop();
    await daemon.restart();
    expectContinues(await askKeeper(client, vm), memory);
  }
  expect((await client.vms.list()).map(({ id, status }) => ({ id, status }))).toEqual([
    { id: vm.id, status: "running" },
  ]);
});

test("a delete of a VM or of a snapshot, which is what frees room, works on it", async () => {
  const [other, paused] = [
    await client.vms.launch({ machineType: "c1m2" }),
    await client.vms.launch({ machineType: "c1m2" }),
  ];
  const snapshot = await client.snapshots.create({ vmId: other.id });
  await client.vms.pause(paused);
  await reserved();
  // Its disk is the snapshot's, so that this frees next to nothing.
  await disk.fill();
  await client.vms.delete(other);
  await disk.fill();
  await client.snapshots.delete(snapshot);
  await disk.fill();
  await client.vms.delete(paused);
  expect((await client.vms.list()).map(({ id }) => id)).toEqual([vm.id]);
  expect(await client.snapshots.list()).toEqual([]);
  for (const folder of ["snapshots", "paused"]) expect(await readdir(inData(folder))).toEqual([]);
  expect(await readdir(inData("vms"))).toEqual([vm.id]);
});
