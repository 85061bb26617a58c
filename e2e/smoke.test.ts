/**
 * Every operation of the API once, against one daemon and real VMs, and the daemon killed in their midst: what a quick run has of all
 * this.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATIONS } from "@fastvm/contract";
import { BuildFailedError, FastvmClient } from "fastvm";
import type { Vm } from "fastvm";
import { runCli } from "./harness/cli.ts";
import { TestDaemon } from "./harness/daemon.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "./harness/guest.ts";

let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let folder: string;
const called = new Set<string>();

/** As the global one, and remembers what was asked. */
const recordingFetch: typeof fetch = async (input, init) => {
  const { pathname } = new URL(input instanceof Request ? input.url : String(input));
  const method = init?.method ?? "GET";
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const pattern = operation.path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
    if (operation.method === method && new RegExp(`^${pattern}$`).test(pathname)) called.add(name);
  }
  return await fetch(input, init);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-smoke-"));
  daemon = await TestDaemon.start({ poolSize: 1 });
  client = new FastvmClient({ apiKey: daemon.apiKey, baseUrl: daemon.url, fetch: recordingFetch });
  vm = await client.vms.launch({ machineType: "c1m2", name: "smoke" });
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test("the server tells of itself", async () => {
  for (const path of ["/livez", "/readyz", "/openapi.json"]) {
    expect((await recordingFetch(`${daemon.url}${path}`)).status, path).toBe(200);
  }
  await client.health();
  expect((await client.quotas.retrieve()).limits).toBeDefined();
  expect((await client.diskUsage.retrieve()).vms.map(({ id }) => id)).toEqual([vm.id]);
});

test("commands run and files travel", async () => {
  const result = await client.vms.run(vm, "echo out; echo err >&2; exit 3");
  expect(result).toMatchObject({ stdout: "out\n", stderr: "err\n", exitCode: 3 });
  await writeFile(join(folder, "up"), "up and down");
  await client.upload(vm, join(folder, "up"), "/root/file");
  await client.download(vm, "/root/file", join(folder, "down"));
  expect(await readFile(join(folder, "down"), "utf8")).toBe("up and down");
});

test("files are handled in place", async () => {
  const { files } = client.vms;
  await files.makeDir(vm, "smoke");
  const watch = await files.watch(vm, "smoke");
  await files.write(vm, "smoke/new", "in place");
  for await (const { path } of watch) if (path.endsWith("/new")) break;
  await files.rename(vm, "smoke/new", "smoke/old");
  await files.setMode(vm, "smoke/old", "0600");
  expect(await files.read(vm, "smoke/old")).toBe("in place");
  expect(await files.stat(vm, "smoke/old")).toMatchObject({ sizeBytes: 8, mode: "0600" });
  expect((await files.list(vm, "smoke")).map(({ name }) => name)).toEqual(["old"]);
  await files.remove(vm, "smoke", { recursive: true });
  expect(await files.exists(vm, "smoke")).toBe(false);
});

test("commands run in the background", async () => {
  const { execs, pty, commands } = client.vms;
  const shell = await pty.create(vm, { cols: 80, rows: 24 });
  await shell.resize({ cols: 100, rows: 30 });
  await shell.sendStdin("stty size; exit\r");
  expect((await shell.wait()).stdout).toContain("30 100");
  const sleeper = await commands.start(vm, "sleep 600");
  expect(await sleeper.kill()).toBe(true);
  expect(await execs.retrieve(vm, sleeper.id, { waitSec: 20 })).toMatchObject({ status: "exited" });
  expect((await execs.output(vm, sleeper.id)).stdout).toBe("");
  expect((await execs.list(vm)).map(({ id }) => id)).toEqual([shell.id, sleeper.id]);
  await execs.delete(vm, sleeper.id);
});

test("records are read and changed", async () => {
  expect(
    (await client.vms.update(vm, { name: "renamed", ttl: { action: "delete", seconds: 600 } })).name,
  ).toBe("renamed");
  expect((await client.vms.list()).map(({ id }) => id)).toEqual([vm.id]);
  expect((await client.vms.get(vm)).status).toBe("running");
  await client.vms.refreshTtl(vm);
  expect((await client.vms.stats(vm)).memoryMiB.resident).toBeGreaterThan(0);
  expect((await client.vms.metrics(vm)).intervalMs).toBe(10_000);
  await client.vms.logs(vm);
  expect(await client.vms.consoleToken(vm)).toHaveProperty("token");
});

test("the firewall, services and SSH keys are set, read and taken away", async () => {
  await client.vms.setFirewall(vm, { mode: "restricted", ingress: [] });
  await client.vms.patchFirewall(vm, { mode: "open" });
  expect(await client.vms.firewall.get(vm)).toHaveProperty("policy");

  await client.vms.services.register(vm, { name: "web", port: 8080 });
  await client.vms.services.update(vm, "web", { port: 8081 });
  expect((await client.vms.services.list(vm)).map(({ port }) => port)).toEqual([8081]);
  await client.vms.services.delete(vm, "web");

  const publicKey = `ssh-ed25519 ${ed25519Key()} smoke`;
  const ofVm = await client.vms.sshKeys.add(vm, { publicKey });
  expect((await client.vms.sshKeys.list(vm)).keys).toHaveLength(1);
  await client.vms.sshKeys.delete(vm, ofVm.fingerprint);
  const mine = await client.me.sshKeys.add({ publicKey });
  expect((await client.me.sshKeys.list()).keys).toHaveLength(1);
  await client.me.sshKeys.delete(mine.fingerprint);
});

test("volumes are made, filled and taken away", async () => {
  const { volumes } = client;
  const volume = await volumes.create({ name: "smoke", sizeGiB: 1 });
  expect((await volumes.list()).map(({ name }) => name)).toHaveLength(1);
  expect((await volumes.update(volume, { sizeGiB: 2 })).sizeGiB).toBe(2);
  expect((await volumes.get("smoke")).usedGiB).toBeLessThan(1);
  const { files } = volumes;
  await files.makeDir(volume, "/in");
  const watch = await files.watch(volume, "/in");
  await files.write(volume, "/in/new", "in place");
  for await (const { path } of watch) if (path === "/in/new") break;
  await files.copy(volume, "/in/new", "/in/copy");
  await files.rename(volume, "/in/copy", "/in/old");
  await files.stat(volume, "/in/old");
  await files.read(volume, "/in/old");
  await files.list(volume, "/in");
  await files.remove(volume, "/in", { recursive: true });
  await client.vms.volumes.attach(vm, { volumeId: "smoke", mountPath: "/mnt/smoke" });
  await client.vms.volumes.list(vm);
  await volumes.attachments(volume);
  expect(await client.vms.volumes.detach(vm, volume)).toEqual({ detached: true });
  const { bucketMounts } = client.vms;
  const credentials = { type: "aws-credentials", value: {} };
  const bucket = { bucketUri: "s3://pictures", credentials, mountPath: "/mnt/b" };
  await expect(bucketMounts.attach(vm, bucket)).rejects.toMatchObject({ status: 400 });
  expect(await bucketMounts.list(vm)).toEqual([]);
  await expect(bucketMounts.retrieve(vm, "none")).rejects.toMatchObject({ status: 404 });
  await expect(bucketMounts.update(vm, "none", { credentials })).rejects.toMatchObject({ status: 404 });
  await bucketMounts.delete(vm, "none");
  await volumes.delete(volume);
});

test("keys are made, do what they may, and are revoked", async () => {
  const { id, key } = await client.keys.create({ name: "ci", scopes: ["read"] });
  expect((await client.keys.list()).map(({ name }) => name)).toContain("ci");
  const reader = new FastvmClient({ apiKey: key, baseUrl: daemon.url });
  expect(await reader.vms.list()).toHaveLength(1);
  await expect(reader.vms.run(vm, "true")).rejects.toMatchObject({ code: "insufficient_scope" });
  await client.keys.revoke(id);
  const { entries } = await client.audit.list({ order: "desc", limit: 1 });
  expect(entries).toMatchObject([
    { operation: "deleteKey", subject: id, before: { name: "ci" }, after: null },
  ]);
  await expect(reader.vms.list()).rejects.toMatchObject({ status: 401 });
});

test("webhooks are kept, and say what they were sent", async () => {
  const { webhooks } = client;
  const hook = await webhooks.create({ url: "https://hooks.invalid/vms", types: ["vm.renamed"] });
  expect((await webhooks.list()).map(({ id }) => id)).toEqual([hook.id]);
  await webhooks.update(hook, { enabled: false });
  expect((await webhooks.retrieve(hook)).enabled).toBe(false);
  expect((await webhooks.deliveries(hook)).deliveries).toEqual([]);
  await expect(webhooks.delivery(hook, "none")).rejects.toMatchObject({ status: 404 });
  await expect(webhooks.replayDelivery(hook, "none")).rejects.toMatchObject({ status: 404 });
  expect(await webhooks.replay(hook)).toEqual({ replayed: 0 });
  await webhooks.delete(hook);
});

test("images and logins at registries are kept, and builds say why they failed", async () => {
  const { registries, images, builds, snapshotImports } = client;
  await registries.set("registry.test", { username: "somebody", password: "secret" });
  expect((await registries.retrieve("registry.test")).username).toBe("somebody");
  expect(await registries.list()).toHaveLength(1);
  await registries.delete("registry.test");

  // An address that no pull may reach.
  const image = "127.0.0.1:1/none:1";
  await expect(images.pull({ reference: image, policy: "never" })).rejects.toMatchObject({ status: 404 });
  await expect(images.retrieve(image)).rejects.toMatchObject({ status: 404 });
  await expect(images.delete(image)).rejects.toMatchObject({ status: 404 });
  // Shared are whatever else was brought to this machine.
  expect((await images.list()).filter(({ shared }) => !shared)).toEqual([]);

  const build = await builds.create({ imageRef: image });
  await expect(builds.wait(build)).rejects.toBeInstanceOf(BuildFailedError);
  expect((await builds.logs(build)).status).toBe("failed");
  await builds.cancel(build);
  expect((await builds.list()).map(({ id }) => id)).toEqual([build.id]);
  await client.buildContexts.presign();
  await snapshotImports.presignContext({ sizeBytes: 1 });
  const made = await snapshotImports.create({ source: { type: "image", image } });
  await snapshotImports.cancel(made);
  const { status } = await snapshotImports.retrieve(made);
  expect(["failed", "cancelled"]).toContain(status);
  expect((await snapshotImports.list()).map(({ id }) => id)).toContain(made.id);
  await snapshotImports.delete(made);
});

test("memory lives through a snapshot, a fork, a pause and the daemon's death", async () => {
  const memory = await startKeeper(client, vm);
  const snapshot = await client.snapshots.create({ vmId: vm.id, name: "point" });
  await client.snapshots.update(snapshot, { name: "named" });
  expect((await client.snapshots.list()).map(({ name }) => name)).toEqual(["named"]);
  expect((await client.snapshots.get(snapshot)).vmId).toBe(vm.id);
  const restored = await client.vms.launch({ snapshotId: snapshot.id });
  const { children } = await client.vms.fork(vm, { count: 1 });
  await client.vms.pause(vm);
  await daemon.sigkill();
  await daemon.restart();
  await client.vms.resume(vm);
  for (const one of [vm, restored, children[0]?.vm]) {
    if (one === undefined) throw new Error("the fork has no child");
    expectContinues(await askKeeper(client, one), memory);
  }
  await client.snapshots.delete(snapshot);
});

test("the command line works", async () => {
  const { stdout } = await runCli(["exec", "renamed", "echo from the guest"], daemon.environment);
  expect(stdout).toBe("from the guest\n");
});

test("a VM has its disk and its memory as it was promised, and goes", async () => {
  expect(Number(await sh(client, vm, "nproc"))).toBe(1);
  const vms = await client.vms.list();
  await Promise.all(vms.map((one) => client.vms.delete(one)));
  expect(await client.vms.list()).toEqual([]);
  const { events } = await client.events.list({ order: "desc", limit: 1 });
  expect(events).toMatchObject([{ type: "vm.deleted" }]);
});

test("a VM loses its power and gets it back", async () => {
  const one = await client.vms.launch({ machineType: "c1m2" });
  expect((await client.vms.start(one)).status).toBe("running");
  expect((await client.vms.stop(one, { graceSec: 0 })).status).toBe("stopped");
  // That it boots takes long, and is e2e/own/power.test.ts's.
  const starting = await client.vms.restart(one, {}, undefined, { wait: false });
  expect(starting.status).toBe("provisioning");
  await client.vms.delete(one);
});

test("no operation was left out", () => {
  expect([...called].toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
});

/** In SSH's own form: each part with its length in front. */
function ed25519Key(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const parts = [Buffer.from("ssh-ed25519"), raw].flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  });
  return Buffer.concat(parts).toString("base64");
}
