/** Every example of `fastvm machine`, typed against real machines in an order in which each finds what it names. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { machineExamples } from "../../packages/cli/src/testing/machine-examples.ts";
import { testImage, TestRegistry } from "../../packages/worker/src/testing/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { ExampleTypist } from "../harness/example-typist.ts";
import { ownCache } from "../harness/linked-cache.ts";
import { Machines } from "../harness/machines.ts";

const run = promisify(execFile);

/** Each step as soon as there is something to undo, and all of them, whichever fails. */
const undo = new AsyncDisposableStack();
let folder: string;
let registry: TestRegistry;
let daemon: TestDaemon;
let machines: Machines;
let typist: ExampleTypist;
let machine: string;
const at = (...names: readonly string[]): string => join(folder, ...names);

beforeAll(async () => {
  const cacheDir = await ownCache();
  undo.defer(() => rm(cacheDir, { recursive: true, force: true }));
  folder = await mkdtemp("/var/cache/fastvm-test/machine-examples-");
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  registry = undo.use(await TestRegistry.start());
  await pushPython();
  const imageDir = join(cacheDir, "images", "current");
  const settings = { cacheDir, imageDir, network: "none" } as const;
  daemon = undo.use(await TestDaemon.start({ poolSize: 0, settings }));
  await writeFile(
    join(daemon.config.dataDir, "registries.json"),
    JSON.stringify({
      "docker.io": { mirrors: [`http://${registry.host}`] },
      [registry.host]: { insecure: true, guarded: true },
    }),
  );
  machines = await Machines.of(daemon);
  const env = { NULLSPACE_API_KEY: machines.key, NULLSPACE_API_URL: daemon.url };
  const examples = [...machineExamples()].map(([name, line]) => [name, [line]]);
  typist = undo.use(await ExampleTypist.open(env, Object.fromEntries(examples)));
});

afterAll(async () => {
  await undo.disposeAsync();
});

/** What passes for it here: busybox, and a `pip` that installs nothing. */
async function pushPython(): Promise<void> {
  for (const name of ["bin", "etc", "root", "tmp"]) await mkdir(at("root", name), { recursive: true });
  await copyFile("/bin/busybox", at("root", "bin", "busybox"));
  for (const name of ["sh", "echo", "sleep"]) await symlink("busybox", at("root", "bin", name));
  await writeFile(at("root", "bin", "pip"), '#!/bin/sh\necho "pip $*"\n', { mode: 0o755 });
  await writeFile(at("root", "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await run("tar", ["-cf", at("layer.tar"), "--owner=0", "--group=0", "-C", at("root"), "."]);
  const config = { Cmd: ["/bin/sh"], Env: ["PATH=/bin"] };
  const image = testImage({ layers: [await readFile(at("layer.tar"))], config });
  await registry.push("library/python", "3.13", image);
}

/** Of the machine, with further names. */
const type = (path: string, names: Readonly<Record<string, string>> = {}): Promise<string> =>
  typist.type(path, { names: { ...names, MACHINE: machine } });

test("a machine is made with a volume, shown and asked", async () => {
  await typist.type("volume create");
  expect(await typist.type("volume list")).toContain("data");
  machine = (await typist.type("create")).trim();
  await typist.type("list");
  expect(await type("get")).toContain(machine);
  expect(await type("exec")).toBe("hello\n");
  expect(await type("code run")).toContain("42");
  await type("metrics");
  expect(await type("lifecycle")).toContain("create");
  await type("timeout set");
});

test("its ports and its ssh are lent", async () => {
  expect(await type("url")).toContain("http");
  expect(await type("preview-url create")).toContain("http");
  const [, grant = ""] = (await type("preview-url list")).split("\n");
  await type("preview-url revoke", { grant_1: grant.split(" ")[0] ?? "" });
  expect(await type("preview-proxy-target create")).toContain("http");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at("key")]);
  const key = (await readFile(at("key.pub"), "utf8")).trim();
  expect(await type("ssh-access", { "ssh-ed25519 AAAA": key })).toContain("cert-v01");
});

test("files and processes are in it", async () => {
  await type("upload");
  expect(await type("file list")).toContain("name");
  expect(await type("file read")).not.toBe("");
  await type("file write");
  await type("file mkdir");
  await type("file rename");
  await type("file write");
  await type("file remove");
  const pid = (await typist.enter(`machine exec --shell --background ${machine} 'echo begun; cat'`)).trim();
  const names = { " 7": ` ${pid}` };
  expect(await type("process list")).toContain(pid);
  await type("process stdin", names);
  await expect.poll(() => type("process logs", names)).toContain("hello");
  expect(await type("process kill", names)).toBe(`${pid}\n`);
});

test("at a terminal one is in it", async () => {
  let session = "";
  const leave = async (): Promise<void> => {
    await typist.terminal.press("C-]");
    const screen = await typist.terminal.shows(/It goes on: \S+/);
    session = /It goes on: (\S+)/.exec(screen)?.[1] ?? "";
  };
  const names = (): Record<string, string> => ({ pty_1: session, MACHINE: machine });
  await typist.atTerminal(
    "pty create",
    0,
    async (terminal) => {
      await terminal.shows(/[#$] ?$/m);
      await terminal.enter("echo in-$((6 * 7))");
      await terminal.shows(/^in-42$/m);
      await leave();
    },
    { names: { MACHINE: machine } },
  );
  expect(await type("pty list")).toContain(session);
  await typist.atTerminal(
    "pty connect",
    0,
    async (terminal) => {
      await terminal.shows(/^in-42$/m);
      await leave();
    },
    { names: names() },
  );
  expect(await typist.type("pty kill", { names: names() })).toContain(session);
});

test("it is paused, copied and captured", async () => {
  for (const verb of ["pause", "hibernate"]) {
    await type(verb);
    await (verb === "pause" ? type("resume") : typist.enter(`machine resume ${machine}`));
  }
  const child = (await type("fork")).trim();
  await typist.enter(`machine kill ${child}`);
  const names = { snap_1: (await type("snapshot create")).trim() };
  expect(await type("snapshot list")).toContain(names.snap_1);
  expect(await typist.type("snapshot get", { names })).toContain(names.snap_1);
  await typist.type("snapshot delete", { names });
});

test("volumes come and go, and then the machine", async () => {
  const [, attached = ""] = (await type("volume attachments")).split("\n");
  await type("volume detach", { vat_1: attached.split(" ")[0] ?? "" });
  const again = (await type("volume attach")).split(" ")[0] ?? "";
  await typist.enter(`machine volume detach ${machine} ${again}`);
  await typist.type("volume delete");
  await type("kill");
});

test("webhooks are made and shown", async () => {
  const names = { wh_1: (await typist.type("lifecycle webhooks create")).trim() };
  expect(await typist.type("lifecycle webhooks list")).toContain(names.wh_1);
  for (const verb of ["get", "deliveries", "replay", "update", "delete"])
    await typist.type(`lifecycle webhooks ${verb}`, { names });
});

test("templates are built, and machines of them kept ready", { timeout: 600_000 }, async () => {
  const build = (await typist.type("template build")).trim();
  const names = { tbd_1: build };
  expect(await typist.type("template list")).toContain("app");
  expect(await typist.type("template get")).toContain("app");
  expect(await typist.type("template builds")).toContain(build);
  expect(await typist.type("template logs", { names })).toContain("pip install flask");
  await typist.type("template promote", { names });
  const pool = { twp_1: (await typist.type("template warm-pool create")).trim() };
  expect(await typist.type("template warm-pool list")).toContain(pool.twp_1);
  for (const verb of ["get", "wait", "update", "disable", "enable", "reconcile", "drain", "delete"])
    await typist.type(`template warm-pool ${verb}`, { names: pool });
  const another = (await typist.type("template retry", { names })).trim();
  await typist.type("template cancel", { names: { tbd_1: another } });
  await typist.type("template rename");
  await typist.enter("machine template rename web app");
  await typist.type("template delete");
});

test("no example is left", () => {
  expect(typist.untyped()).toEqual([]);
});
