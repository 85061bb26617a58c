/** A daemon that is killed while it builds: the build has failed with a reason, and nothing of it is left. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testImage, TestRegistry } from "../../packages/worker/src/testing/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { footprint, restingFootprint, type Footprint } from "../harness/footprint.ts";

const run = promisify(execFile);
/** Under emulation, beside another file. */
const PHASE_MS = 180_000;
const SETTLE_MS = 60_000;
const TEST_MS = 600_000;

let daemon: TestDaemon;
let registry: TestRegistry;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-e2e-builds-"));
  registry = await TestRegistry.start();
  await registry.push("base", "1", testImage({ layers: [await busybox()] }));
  daemon = await TestDaemon.start({ poolSize: 0 });
  const registries = { [registry.host]: { insecure: true, guarded: true } };
  await writeFile(join(daemon.config.dataDir, "registries.json"), JSON.stringify(registries));
}, TEST_MS);

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function busybox(): Promise<Buffer> {
  const root = join(folder, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  await copyFile("/bin/busybox", join(root, "bin", "busybox"));
  for (const applet of ["sh", "sleep"]) await symlink("busybox", join(root, "bin", applet));
  const layer = join(folder, "layer.tar");
  await run("tar", ["--create", "--file", layer, "--owner=0", "--group=0", "--directory", root, "."]);
  return await readFile(layer);
}

/** But for what a build is to leave: its record, and the organisation's cache, whole. */
async function expectNothing(before: Footprint): Promise<void> {
  await eventually(async () => {
    const after = await footprint(daemon);
    const files = after.files.filter((name) => !/^build-caches\/[\w-]+\.raw$/.test(name));
    expect({ ...after, files, rows: {}, descriptors: 0 }).toEqual({ ...before, rows: {}, descriptors: 0 });
  }, SETTLE_MS);
  const { cacheDir } = daemon.config;
  expect((await readdir(join(cacheDir, "images"))).filter((name) => name.startsWith(".partial"))).toEqual([]);
  expect((await daemon.client.images.list()).map(({ reference }) => reference)).toEqual([
    `${registry.host}/base:1`,
  ]);
}

test(
  "whatever it was about",
  async () => {
    const dockerfileContent = `FROM ${registry.host}/base:1\nRUN sleep 3`;
    const before = await restingFootprint(daemon);
    for (const phase of ["buildah bud", "applying image"]) {
      const build = await daemon.client.builds.create({ dockerfileContent });
      await eventually(async () => {
        const { progress, error } = await daemon.client.builds.retrieve(build);
        expect({ progress, error }).toEqual({ progress: phase, error: undefined });
      }, PHASE_MS);
      await daemon.sigkill();
      await daemon.restart();
      await eventually(async () => {
        const { status, error } = await daemon.client.builds.retrieve(build);
        expect({ status, error }).toEqual({ status: "failed", error: expect.any(String) as string });
      }, SETTLE_MS);
      await expectNothing(before);
    }
  },
  TEST_MS,
);
