/**
 * Every example of the commands for whoever runs the host, and of those about the command itself, typed in an order in which each finds
 * what it names: on a daemon that the first of them starts and the last one ends. The others are in vm-examples.test.ts.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { FastvmClient } from "fastvm";
import type { Build } from "fastvm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testImage, TestRegistry } from "../../packages/worker/src/testing/test-registry.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { ExampleTypist } from "../harness/example-typist.ts";
import { freePort } from "../harness/free-port.ts";
import { isOfHost } from "../harness/host-commands.ts";
import { ownCache } from "../harness/linked-cache.ts";
import { processesIn } from "../harness/processes.ts";

const ROOT = "/var/cache/fastvm-test";
const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";
const SHORT_ID = "0b9c5f2e";
const PYTHON = "python:3.13-slim";
/** As Docker's registry has it. */
const REPOSITORY = "library/python";

/** Each step as soon as there is something to undo, and all of them, whichever fails. */
const undo = new AsyncDisposableStack();
let folder: string;
let registry: TestRegistry;
let typist: ExampleTypist;
let port: number;
const at = (...names: readonly string[]): string => join(folder, ...names);

beforeAll(async () => {
  await mkdir(ROOT, { recursive: true });
  const cacheDir = await ownCache();
  undo.defer(() => rm(cacheDir, { recursive: true, force: true }));
  folder = await mkdtemp(join(ROOT, "host-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  registry = undo.use(await TestRegistry.start());
  port = await freePort();
  await makeRoot();
  await mkdir(at("data"));
  await writeFile(
    at("data", "registries.json"),
    // What the examples pull of Docker's is what is made here.
    JSON.stringify({
      "docker.io": { mirrors: [`http://${registry.host}`] },
      [registry.host]: { insecure: true, guarded: true },
    }),
  );
  const settings = {
    cache_dir: cacheDir,
    pool_size: 0,
    pool_max_size: 0,
    allow_import: [folder],
    network: "none",
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  await writeFile(at("config.toml"), `[daemon]\n${lines.join("")}`);
  undo.defer(() => endDaemon(at("data")));
  const env = { FASTVM_CONFIG_FILE: at("config.toml"), FASTVM_DATA_DIR: at("data") };
  typist = undo.use(await ExampleTypist.open(env));
});

afterAll(async () => {
  await undo.disposeAsync();
});

/** A root folder, and an image of it in the registry. */
async function makeRoot(): Promise<void> {
  for (const name of ["bin", "etc", "root", "tmp"]) await mkdir(at("root", name), { recursive: true });
  await copyFile("/bin/busybox", at("root", "bin", "busybox"));
  for (const name of ["sh", "echo", "sleep"]) await symlink("busybox", at("root", "bin", name));
  await writeFile(at("root", "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await promisify(execFile)("tar", ["-cf", at("layer.tar"), "--owner=0", "--group=0", "-C", at("root"), "."]);
  const config = { Cmd: ["/bin/sh"], Env: ["PATH=/bin"] };
  const image = testImage({ layers: [await readFile(at("layer.tar"))], config });
  await registry.push(REPOSITORY, "3.13-slim", image);
}

const serve = () => typist.type("serve", { names: { 8899: String(port), "/var/lib/fastvm": at("data") } });

async function client(): Promise<FastvmClient> {
  const apiKey = (await readFile(at("data", "api-key"), "utf8")).trim();
  return new FastvmClient({ apiKey, baseUrl: `http://127.0.0.1:${port}` });
}

test("a daemon is started, and looked at", async () => {
  expect(await serve()).toContain(`serves http://127.0.0.1:${port}`);
  expect(await typist.type("doctor")).toContain("daemon");
  expect(await typist.type("system df")).toContain("templates");
});

test("it has organisations and keys", async () => {
  const id = (await typist.type("org create")).trim();
  expect(await typist.type("org ls")).toContain("search\n");
  expect(await typist.type("org quota")).toContain("32768");
  expect(await typist.type("key create")).not.toBe("");
  const [key = ""] = new RegExp(`^\\S+(?=  +${id})`, "m").exec(await typist.type("key ls")) ?? [];
  await typist.type("key revoke", { names: { [ID]: key } });
  expect(await typist.enter("key ls --org search")).not.toContain(key);
  expect(await typist.type("org rm")).toBe(`${id}\n`);
});

test("images are brought, shown, made ready and removed", async () => {
  expect(await typist.type("image pull")).toContain("sha256:");
  expect(await typist.type("image ls")).toContain(PYTHON);
  expect(await typist.type("image inspect")).toContain("linux/amd64");
  await typist.type("image save");
  await typist.type("image rm");
  expect(await typist.type("image load")).toContain(PYTHON);
  const imported = await typist.type("image import", { names: { "/srv/roots/debian": at("root") } });
  expect(imported).toContain("debian:mine");
  expect(await typist.type("image start")).toContain("starts nothing");
  await typist.type("image warm");
  expect(await typist.type("image prune")).toContain("Removed");
  expect(await typist.type("system prune")).toContain("Removed");
});

test("builds are listed, followed, cancelled and removed", { timeout: 600_000 }, async () => {
  const { builds } = await client();
  const begin = (command: string): Promise<Build> =>
    builds.create({ dockerfileContent: `FROM ${PYTHON}\nRUN ${command}\n` });
  const { id } = await begin("echo built");
  const names = { [SHORT_ID]: id };
  expect(await typist.type("build logs", { names })).toMatch(/^built$/m);
  expect(await typist.type("build ls")).toContain(id.slice(0, SHORT_ID.length));
  expect(await typist.type("build get", { names })).toContain("completed");
  await typist.type("build rm", { names });
  const long = await begin("sleep 1000");
  expect(await typist.type("build cancel", { names: { [SHORT_ID]: long.id } })).toContain("failed");
});

test("records and snapshots are copied, and are a data folder again", async () => {
  const names = { "/srv/backups/monday": at("backup") };
  expect(await typist.type("backup", { names })).toContain("all records");
  const elsewhere = { ...names, "/var/lib/fastvm-again": at("again") };
  expect(await typist.type("restore", { names: elsewhere })).toContain("all records");
  expect(await readdir(at("again"))).toContain("fastvm.db");
  for (const name of ["backup", "again"]) await rm(at(name), { recursive: true });
});

test("logins at registries and servers are kept", async () => {
  await typist.atTerminal("registry login", 0, async (terminal) => {
    await terminal.shows(/^Password of me at registry\.example:/m);
    await terminal.enter("open sesame");
  });
  expect(await typist.type("registry ls")).toContain("registry.example");
  await typist.type("registry logout");

  const key = (await readFile(at("data", "api-key"), "utf8")).trim();
  await typist.atTerminal(
    "login",
    0,
    async (terminal) => {
      await terminal.shows(/^Key for 127\.0\.0\.1:\d+:/m);
      await terminal.enter(key);
    },
    { names: { "https://vms.example": `http://127.0.0.1:${port}` } },
  );
  expect(await typist.type("context ls")).toContain("office");
  await typist.type("context use");
  await typist.enter("ls");
  await typist.type("logout");
  await typist.type("config set");
  expect(await typist.type("config get")).toBe("https://vms.example\n");
});

test("the command tells about itself", async () => {
  expect(await typist.type("completion")).toContain("complete");
  expect(await typist.type("man")).toContain("FASTVM-EXEC");
  await typist.type("man", { nth: 1 });
  expect(await readdir(join(typist.home, "man1"))).toContain("fastvm-exec.1");
});

test("VMs that no record knows are ended by hand, and the daemon ends with those that it has", async () => {
  const stopped = await (await client()).vms.launch({ machineType: "c1m2" });
  expect(await typist.type("daemon stop")).toContain("are stopped");
  await serve();
  expect((await (await client()).vms.get(stopped)).status).toBe("stopped");
  const lost = await (await client()).vms.launch({ machineType: "c1m2" });
  await typist.enter("daemon stop");
  for (const suffix of ["", "-wal", "-shm"]) await rm(at("data", `fastvm.db${suffix}`), { force: true });
  await serve();
  expect(await typist.type("quarantine ls")).toContain(lost.id);
  expect(await typist.type("quarantine rm", { names: { [ID]: lost.id } })).toBe(`${lost.id}\n`);
  expect(await typist.type("daemon stop", { nth: 1 })).toContain("are deleted");
  expect(await processesIn(at("data"))).toEqual([]);
});

test("no example is left", () => {
  expect(typist.untyped(isOfHost)).toEqual([]);
});
