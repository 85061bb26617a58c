/**
 * A daemon that ends at a step of a build, as by kill -9: the next one tells how the build has ended, and nothing of it is left. Which
 * steps those are the contract lists; each costs a build up to there, so a run takes a few of them, and FASTVM_TEST_KILLS=all takes all.
 */
import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { STEPS, type StepName } from "@fastvm/contract";
import { APIConnectionError } from "fastvm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testImage, TestRegistry } from "../../packages/worker/src/testing/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { footprint, restingFootprint, type Footprint } from "../harness/footprint.ts";
import { ownCache } from "../harness/linked-cache.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { isOfBuilds, Steps } from "../harness/steps.ts";

const run = promisify(execFile);
/** Under emulation, beside another file. */
const REACH_MS = 400_000;
const SETTLE_MS = 60_000;
const TEST_MS = 600_000;
const SEED = Number(process.env["FASTVM_TEST_SEED"] || randomInt(2 ** 31));
const KILLS = process.env["FASTVM_TEST_KILLS"] || "2";
/** From these on the snapshot is there, and the build has done what it was to do. */
const MADE: readonly StepName[] = ["control.build.captured", "control.build.settled"];

let daemon: TestDaemon;
let registry: TestRegistry;
let steps: Steps;
let folder: string;
let contextDir: string;
let before: Footprint;
let blobs: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-e2e-builds-"));
  contextDir = join(folder, "context");
  await mkdir(contextDir);
  await writeFile(join(contextDir, "file"), "of the context");
  registry = await TestRegistry.start();
  await registry.push("base", "1", testImage({ layers: [await busybox()] }));
  steps = await Steps.make();
  // What of a shared one is somebody else's nobody could tell.
  const cacheDir = await ownCache();
  const imageDir = join(cacheDir, "images", "current");
  const settings = { stepsFolder: steps.folder, cacheDir, imageDir };
  daemon = await TestDaemon.start({ poolSize: 0, settings });
  const registries = { [registry.host]: { insecure: true, guarded: true } };
  await writeFile(join(daemon.config.dataDir, "registries.json"), JSON.stringify(registries));
  await daemon.client.images.pull({ reference: `${registry.host}/base:1` });
  before = await restingFootprint(daemon);
  blobs = await namesIn("oci/blobs");
}, TEST_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(daemon.config.cacheDir, { recursive: true });
  await steps.remove();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function busybox(): Promise<Buffer> {
  const root = join(folder, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  await copyFile("/bin/busybox", join(root, "bin", "busybox"));
  for (const applet of ["sh", "echo", "true"]) await symlink("busybox", join(root, "bin", applet));
  const layer = join(folder, "layer.tar");
  await run("tar", ["--create", "--file", layer, "--owner=0", "--group=0", "--directory", root, "."]);
  return await readFile(layer);
}

const namesIn = async (below: string): Promise<readonly string[]> =>
  (await readdir(join(daemon.config.cacheDir, below))).toSorted();

/** But for what a build is to leave: its record, and the organisation's cache, whole. */
async function expectNothing(): Promise<void> {
  await eventually(async () => {
    const after = await footprint(daemon);
    const files = after.files.filter((name) => !/^build-caches\/[\w-]+\.raw$/.test(name));
    const found = { ...after, files, rows: {}, descriptors: 0 };
    expect(found).toEqual({ ...before, rows: {}, descriptors: 0 });
    for (const kind of ["images", "templates", "rootfs"] as const)
      expect((await namesIn(kind).catch(() => [])).filter((name) => name.endsWith(".partial"))).toEqual([]);
    expect(await namesIn("oci/blobs")).toEqual(blobs);
  }, SETTLE_MS);
  const images = await daemon.client.images.list();
  expect(images.map(({ reference }) => reference)).toEqual([`${registry.host}/base:1`]);
  expect(await daemon.client.vms.list()).toEqual([]);
  expect(await daemon.client.snapshots.list()).toEqual([]);
}

function chosen(): readonly StepName[] {
  const all = STEPS.filter(isOfBuilds);
  if (KILLS === "all") return all;
  const random = seededRandom(SEED);
  return all
    .map((name) => ({ name, rank: random() }))
    .toSorted((one, other) => one.rank - other.rank)
    .slice(0, Number(KILLS))
    .map(({ name }) => name);
}

describe(`a daemon that ends while it builds (seed ${SEED})`, () => {
  test.each(chosen())(
    "at %s",
    async (at) => {
      await steps.order({ step: at, effect: "kill" });
      // Each another image, so that all phases have something to do.
      const dockerfile = `FROM ${registry.host}/base:1\nCOPY file /\nRUN echo ${at} >/made`;
      const name = at.replaceAll(/[._]/g, "-");
      const once = daemon.client.withOptions({ maxRetries: 0 });
      const { begun } = once.build({ contextDir, dockerfile, name });
      const lost = (error: unknown): void => {
        if (!(error instanceof APIConnectionError)) throw error;
      };
      await Promise.all([begun.then(() => undefined, lost), steps.reached(REACH_MS)]);
      await daemon.ended();
      await daemon.restart();
      const end = MADE.includes(at)
        ? { status: "completed", error: undefined }
        : { status: "failed", error: "The server ended while it was built; build it again" };
      await eventually(async () => {
        const { status, error } = await daemon.client.builds.retrieve(name);
        expect({ status, error }).toEqual(end);
      }, SETTLE_MS);
      const { id } = await daemon.client.builds.retrieve(name);
      await daemon.client.snapshotImports.delete(id);
      await expectNothing();
    },
    TEST_MS,
  );
});
