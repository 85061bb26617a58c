import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { readConfig } from "@fastvm/daemon";
import type { FastvmClient, Vm } from "fastvm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSWORD, testImage, TestRegistry, USER } from "../../packages/worker/src/testing/test-registry.ts";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { fillCache } from "../harness/linked-cache.ts";
import { Steps } from "../harness/steps.ts";
import { NOBODY_UID, pathsIn, reachedBy } from "../harness/other-user.ts";

const ROOT = "/var/cache/fastvm-test";
const MACHINE = readConfig({}, {});
/** More than children are given page by page: they map the page files of such a capture. */
const MAPPED_MIB = 80;
/** What QEMU is to open of its VM's folder, and what not: it holds the VM's environment. */
const ITS_OWN = ["memory", "disk/0.raw", "disk/1.qcow2", "disk/2.qcow2", "run/qmp.sock", "run/link.sock"];
const NOT_ITS_OWN = ["journal.json", "qemu.log", "captured.map"];

let home: string;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let neighbour: Vm;
let steps: Steps;

/** The folders above let everybody pass, so that nothing but what the daemon closes keeps anybody out. */
beforeAll(async () => {
  await mkdir(ROOT, { recursive: true });
  home = await mkdtemp(join(ROOT, "closed-"));
  steps = await Steps.make();
  const [dataDir, cacheDir] = [join(home, "data"), join(home, "cache")];
  for (const folder of [home, dataDir, cacheDir]) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
  }
  await fillCache(cacheDir);
  const { imageDir } = MACHINE;
  daemon = await TestDaemon.start({
    dataDir,
    settings: { cacheDir, imageDir, stepsFolder: steps.folder, importFolders: [join(home, "import")] },
  });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
  neighbour = await client.vms.launch({ machineType: "c1m2", envVars: { SECRET: "of this one" } });
  await sh(client, vm, `head -c ${MAPPED_MIB}M /dev/urandom > /dev/shm/large`);
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await steps?.remove();
  if (home !== undefined) await rm(home, { recursive: true, force: true, maxRetries: 3 });
});

const inData = (...names: string[]): string => join(daemon.config.dataDir, ...names);

/** Everything of ours but the two folders that the test made. */
async function ours(): Promise<string[]> {
  const { dataDir, cacheDir } = daemon.config;
  const paths = [dataDir, join(cacheDir, "templates"), join(cacheDir, "oci")].map((folder) =>
    pathsIn(folder),
  );
  return (await Promise.all(paths)).flat().filter((path) => path !== dataDir);
}

/** By its absolute path, and from where the VM's own QEMU stands. */
async function expectClosed(paths: readonly string[]): Promise<void> {
  const own = inData("vms", vm.id);
  const { gid: uid } = await stat(own);
  expect(await reachedBy(NOBODY_UID, paths)).toEqual([]);
  expect(await reachedBy(uid, paths)).toEqual([]);
  const reached = await reachedBy(
    uid,
    paths.map((path) => relative(own, path)),
    own,
  );
  expect(reached.filter((path) => path.startsWith(".."))).toEqual([]);
  expect(reached).toEqual(expect.arrayContaining(ITS_OWN.filter((name) => paths.includes(join(own, name)))));
  expect(reached.filter((path) => NOT_ITS_OWN.includes(path))).toEqual([]);
}

test("nothing opens for others while a state is captured and restored", async () => {
  const fork = () => client.vms.fork(vm, { count: 1 });
  const { children } = await steps.whileStalled({ step: "publish.built" }, fork, async () => {
    const paths = await pathsIn(inData("forks"));
    const names = paths.map((path) => path.slice(path.lastIndexOf("/") + 1));
    expect(names).toEqual(expect.arrayContaining(["memory.map", "pages"]));
    await expectClosed(paths);
  });
  await expectClosed(await ours());
  for (const { vm: child } of children) if (child !== undefined) await client.vms.delete(child);
});

test("nothing of images that were pulled or imported, nor what seals the login for them, opens for others", async () => {
  await using registry = await TestRegistry.start({ isClosed: true });
  await registry.push("team/app", "v1", testImage());
  const rules = { [registry.host]: { insecure: true, guarded: true } };
  await writeFile(inData("registries.json"), JSON.stringify(rules), { mode: 0o600 });
  await client.registries.set(registry.host, { username: USER, password: PASSWORD });
  const { digest } = await client.images.pull({ reference: `${registry.host}/team/app:v1` });
  await mkdir(join(home, "import", "etc"), { recursive: true });
  await writeFile(join(home, "import", "etc", "secret"), "of a folder");
  const imported = await runCli(
    ["image", "import", join(home, "import"), "--name", "of/folder:v1", "--json"],
    // Whose home is not the data folder.
    { ...daemon.environment, HOME: join(home, "user") },
  );
  expect(imported).toMatchObject({ exitCode: 0, stderr: "" });
  const ofFolder = JSON.parse(imported.stdout) as { digest: string };
  const paths = await ours();
  const blobs = [digest, ofFolder.digest].map((each) =>
    join(daemon.config.cacheDir, "oci", "blobs", each.slice("sha256:".length)),
  );
  expect(paths).toEqual(expect.arrayContaining([inData("sealing-key"), inData("registries.json"), ...blobs]));
  await expectClosed(paths);
  await client.images.delete(digest);
});

test("nothing of snapshots, paused VMs, uploads, records and templates opens for others, of its own folder what a VM needs", async () => {
  await client.snapshots.create({ vmId: vm.id });
  await client.vms.pause(neighbour);
  const presigned = await fetch(`${daemon.url}/v1/vms/${vm.id}/files/presign`, {
    method: "POST",
    headers: { "x-api-key": daemon.apiKey },
  });
  const { uploadUrl } = (await presigned.json()) as { uploadUrl: string };
  expect((await fetch(uploadUrl, { method: "PUT", body: "secret" })).status).toBe(200);
  const paths = await ours();
  for (const [folder, count] of [
    ["snapshots", 1],
    ["paused", 1],
    ["staging", 1],
  ] as const) {
    expect(await readdir(inData(folder))).toHaveLength(count);
  }
  await expectClosed(paths);
});

test("what an older version left open is closed by the next start", async () => {
  await daemon.stop();
  const { cacheDir, dataDir } = daemon.config;
  const closed = ["snapshots", "paused", "forks", "templating", "overlays", "vms", "pool", "standby"];
  const folders = [...closed.map((name) => inData(name)), join(cacheDir, "templates")];
  const inFolders = [inData("snapshots"), inData("paused"), join(cacheDir, "templates")];
  for (const folder of inFolders) {
    for (const name of await readdir(folder)) folders.push(join(folder, name), join(folder, name, "disk"));
  }
  for (const folder of folders) await chmod(folder, 0o711).catch(() => undefined);
  const files = ["fastvm.db", "daemon.log", "api-key"].map((name) => inData(name));
  for (const file of files) await chmod(file, 0o644);
  const opened = await reachedBy(NOBODY_UID, await pathsIn(dataDir));
  expect(opened).toEqual(expect.arrayContaining(files));
  expect(opened.filter((path) => path.startsWith(inData("snapshots")))).not.toEqual([]);
  await daemon.restart();
  await expectClosed(await ours());
});
