/**
 * Real builds: a folder with a static busybox becomes a snapshot, whose VM runs, and so does a ZIP on a private image; both by all their
 * steps.
 */
import { execFile } from "node:child_process";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { STEPS } from "@fastvm/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildEvent, Vm } from "fastvm";
import { PASSWORD, testImage, TestRegistry, USER } from "../../packages/worker/src/testing/test-registry.ts";
import { addOrganisation } from "../harness/add-organisation.ts";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { Machines } from "../harness/machines.ts";
import { NOBODY_UID, pathsIn, reachedBy } from "../harness/other-user.ts";
import { isOfBuilds, Steps } from "../harness/steps.ts";

/** A builder, the image's template and a capture, under emulation on a machine that may be busy with others. */
const TIMEOUT_MS = 600_000;
const DOCKERFILE = `FROM scratch
COPY . /
ARG WHO
RUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = s3cret && echo "hello $WHO" | tee /greeting
`;

const IMPORTED = `ARG BASE
FROM $BASE AS wanted
COPY text /from-zip
COPY program /program
RUN test -x /program && echo kept >/bin/mode
FROM scratch
COPY nothing /
`;
/** As which busybox is in the images. */
const BUSYBOX_NAMES = ["sh", "cat", "echo", "grep", "mkdir", "ps", "setsid", "sleep", "tail", "tee", "test"];
const run = promisify(execFile);

interface TemplateBuild {
  readonly id: string;
  readonly status: string;
}

let contextDir: string;
let zipDir: string;
let daemon: TestDaemon;
let registry: TestRegistry;
let steps: Steps;

beforeAll(async () => {
  contextDir = await mkdtemp(join(tmpdir(), "fastvm-e2e-builds-"));
  for (const name of ["bin", "etc", "root", "tmp"]) await mkdir(join(contextDir, name));
  await copyFile("/bin/busybox", join(contextDir, "bin/busybox"));
  for (const name of BUSYBOX_NAMES) {
    await symlink("busybox", join(contextDir, "bin", name));
  }
  await writeFile(join(contextDir, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(contextDir, "Dockerfile"), DOCKERFILE);
  await writeFile(join(contextDir, ".dockerignore"), "left-out\n");
  await writeFile(join(contextDir, "left-out"), "");
  zipDir = await mkdtemp(join(tmpdir(), "fastvm-e2e-import-"));
  registry = await TestRegistry.start({ isClosed: true });
  await makeImport();
  steps = await Steps.make();
  daemon = await TestDaemon.start({
    poolSize: 0,
    settings: { network: "none", stepsFolder: steps.folder },
  });
  const registries = { [registry.host]: { insecure: true, guarded: true } };
  await writeFile(inData("registries.json"), JSON.stringify(registries), { mode: 0o600 });
  // So that nothing but what the daemon closes keeps anybody out.
  await chmod(daemon.config.dataDir, 0o755);
}, TIMEOUT_MS);

afterAll(async () => {
  try {
    await removeImages();
  } finally {
    await daemon?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    await steps?.remove();
    for (const folder of [contextDir, zipDir]) await rm(folder, { recursive: true });
  }
});

/** They are in the machine's cache, which no daemon takes with it. */
async function removeImages(): Promise<void> {
  const held = (await daemon?.client.images.list()) ?? [];
  for (const { reference, shared } of held) if (!shared) await daemon.client.images.delete(reference);
}

const inData = (...names: readonly string[]): string => join(daemon.config.dataDir, ...names);

/** By nobody and by the user of a VM that has nothing to do with the build: tried, not read off the modes. */
async function expectClosed(vm: Vm, ...expected: readonly string[]): Promise<void> {
  const { dataDir, cacheDir } = daemon.config;
  const folders = [dataDir, join(cacheDir, "oci"), join(cacheDir, "templates"), ...(await rootsMade())];
  const paths = (await Promise.all(folders.map((folder) => pathsIn(folder)))).flat();
  for (const path of expected)
    expect(
      paths.some((found) => found.startsWith(path)),
      path,
    ).toBe(true);
  const { gid: uid } = await stat(inData("vms", vm.id));
  expect(uid).not.toBe(0);
  const closed = paths.filter((path) => path !== dataDir);
  for (const user of [NOBODY_UID, uid]) expect(await reachedBy(user, closed)).toEqual([]);
}

/** Folders of root file systems that were made of images, which the base image is not. */
async function rootsMade(): Promise<readonly string[]> {
  const images = join(daemon.config.cacheDir, "images");
  const found: string[] = [];
  for (const name of await readdir(images)) {
    const manifest = await readFile(join(images, name, "manifest.json"), "utf8").catch(() => "");
    if (name !== "current" && manifest.includes("manifestDigest")) found.push(join(images, name));
  }
  return found;
}

test(
  "a folder becomes a snapshot, and nobody else's",
  async () => {
    const { client } = daemon;
    const neighbour = await client.vms.launch({ machineType: "c1m2" });
    const order = { contextDir, tag: "app", buildArgs: { WHO: "you" }, secrets: { token: "s3cret" } };
    const building = client.build(order);
    const following = (): Promise<readonly BuildEvent[]> => Array.fromAsync(building);
    const events = await steps.whileStalled({ step: "build.export.begun" }, following, () =>
      expectClosed(neighbour, inData("templating")),
    );
    const end = events.at(-1);
    expect(end, JSON.stringify(events.slice(-20))).toMatchObject({ type: "end", status: "completed" });
    expect(events).toContainEqual({ type: "log", line: "hello you" });
    expect(JSON.stringify(events)).not.toContain('s3cret"');
    const snapshot = await building;
    await expectClosed(
      neighbour,
      inData("snapshots", snapshot.id),
      inData("build-caches"),
      join(daemon.config.cacheDir, "images"),
    );
    await client.vms.delete(neighbour);
    const vm = await client.vms.launch({ snapshotId: snapshot.id });
    expect(await sh(client, vm, "cat /greeting; test -e /left-out || echo without")).toBe(
      "hello you\nwithout",
    );
    expect((await client.vms.list()).map(({ id }) => id)).toEqual([vm.id]);
    const others = client.withOptions({ apiKey: addOrganisation(daemon.config.dataDir, "others").key });
    expect(await others.builds.list()).toEqual([]);
    await expect(others.builds.logs("app")).rejects.toMatchObject({ status: 404 });
    await client.vms.delete(vm);
  },
  TIMEOUT_MS,
);

test(
  "a ZIP with a Dockerfile on a private image is imported by whoever may pull that",
  async () => {
    const { client } = daemon;
    const source = {
      type: "dockerfile",
      dockerfilePath: "docker/Dockerfile",
      target: "wanted",
      buildArgs: { BASE: `${registry.host}/base:1` },
      registryHost: registry.host,
      registryUsername: USER,
    } as const;
    const wrong = { ...source, contextRef: await sendZip(), registryPassword: "wrong" };
    const refused = await client.snapshotImports.create({ source: wrong });
    await expect(client.builds.wait(refused)).rejects.toThrow(/registry/);
    const right = { ...source, contextRef: await sendZip(), registryPassword: PASSWORD };
    const made = await client.snapshotImports.create({ source: right, name: "imported" });
    await client.builds.wait(made);
    const done = await client.snapshotImports.retrieve("imported");
    expect(done).toMatchObject({ status: "succeeded", source: { dockerfilePath: "docker/Dockerfile" } });
    expect(JSON.stringify(done)).not.toContain(PASSWORD);
    expect(await readFile(inData("daemon.log"), "utf8")).not.toContain(PASSWORD);
    const vm = await client.vms.launch({ snapshotId: done.snapshotId ?? "" });
    expect(await sh(client, vm, "cat /from-zip /bin/mode")).toBe("of the ZIP\nkept");
    await client.vms.delete(vm);
    expect(await client.snapshotImports.delete(made)).toEqual({ id: made.id, deleted: true });
  },
  TIMEOUT_MS,
);

/** What a machine of it says of its start command: what that wrote once, and whether it runs. */
const BEGUN = "cat /begun; ps | grep -c '[s]leep 86400'";

test(
  "a template's machines begin where its start command had come to, and tags say of which build they are",
  async () => {
    const machines = await Machines.of(daemon);
    const archive = join(zipDir, "context.tar.gz");
    await run("tar", ["-czf", archive, "--owner=0", "--group=0", "-C", contextDir, "."]);
    const context = await machines.ask<{ context_id: string; upload_url: string }>(
      "POST /v1/template-contexts",
      {},
    );
    const sent = await fetch(context.upload_url, { method: "PUT", body: await readFile(archive) });
    expect(sent.status).toBe(200);
    const build = await machines.ask<TemplateBuild>("POST /v1/templates", {
      name: "started",
      context_id: context.context_id,
      resources: { memory_mb: 2048 },
      definition: {
        dockerfile: "FROM scratch\nCOPY . /",
        steps: [{ kind: "run", command: "echo of the build" }],
        runtime_envs: { KEPT: "1" },
        start: {
          command: "cat /proc/sys/kernel/random/uuid >/begun; exec sleep 86400",
          wait_for_command: "test -s /begun",
        },
      },
    });
    const lines: string[] = [];
    for (let isComplete = false; !isComplete;) {
      const route = `GET /v1/template-builds/${build.id}/logs?offset=${lines.length}&wait_ms=5000`;
      const page = await machines.ask<{ lines: string[]; complete: boolean }>(route);
      lines.push(...page.lines);
      isComplete = page.complete;
    }
    expect(lines).toContain("of the build");
    const done = await machines.ask<TemplateBuild>(`GET /v1/template-builds/${build.id}`);
    expect(done, lines.join("\n")).toMatchObject({ status: "ready", promoted_tags: ["latest"] });
    await machines.ask("POST /v1/templates/started/promote", { build_id: build.id, tag: "v2" });
    const one = await machines.create({ template: "started" });
    const other = await machines.create({ template: "started:v2" });
    const said = await machines.run(one.id, `${BEGUN}; echo $KEPT`);
    expect(said.stdout).toMatch(/^[0-9a-f-]{36}\n1\n1\n$/);
    expect((await machines.run(other.id, `${BEGUN}; echo $KEPT`)).stdout).toBe(said.stdout);
    await machines.destroy(one.id, other.id);
    await machines.ask("DELETE /v1/templates/started");
  },
  TIMEOUT_MS,
);

test(
  "what builds keep for others is counted, and goes when root makes room",
  async () => {
    const cli = (...args: readonly string[]) => runCli(["system", ...args], daemon.environment);
    expect((await cli("df")).stdout).toMatch(/caches of builds +1 /);
    const caches = inData("build-caches");
    const [name = ""] = await readdir(caches);
    expect((await cli("prune")).stdout).toContain(`builds/${name.replace(".raw", "")}`);
    expect(await readdir(caches)).toEqual([]);
    expect((await cli("df")).stdout).toMatch(/caches of builds +0 /);
  },
  TIMEOUT_MS,
);

// After those that pass them.
test("the steps of a build are passed, all that are listed", async () => {
  const passed = new Set(await steps.passed());
  expect(STEPS.filter((name) => isOfBuilds(name) && !passed.has(name))).toEqual([]);
});

/** The reference of a context. */
async function sendZip(): Promise<string> {
  const { contextRef, uploadUrl } = await daemon.client.snapshotImports.presignContext();
  const body = await readFile(join(zipDir, "context.zip"));
  const sent = await fetch(uploadUrl, {
    method: "PUT",
    body,
    headers: { "content-type": "application/zip" },
  });
  expect(sent.status).toBe(200);
  return contextRef;
}

/** The image that it is built on, and the ZIP with its Dockerfile. */
async function makeImport(): Promise<void> {
  const layer = join(zipDir, "layer.tar");
  await run("tar", ["-cf", layer, "--owner=0", "--group=0", "--exclude=./Dockerfile", "-C", contextDir, "."]);
  await registry.push("base", "1", testImage({ layers: [await readFile(layer)] }));
  const files = join(zipDir, "files");
  await mkdir(join(files, "docker"), { recursive: true });
  await writeFile(join(files, "docker/Dockerfile"), IMPORTED);
  await writeFile(join(files, "text"), "of the ZIP\n");
  await writeFile(join(files, "program"), "", { mode: 0o755 });
  const program = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
  await run("python3", ["-c", program, join(zipDir, "context"), files]);
}
