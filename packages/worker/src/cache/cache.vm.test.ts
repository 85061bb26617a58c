/**
 * A cache that holds less than it is to: what daemons and VMs need of it is there all the same, also when two share it and when its disk
 * is full.
 */
import { execFile } from "node:child_process";
import {
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { newSnapshotId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CACHE, ROOT, TestWorker } from "../testing/test-worker.ts";

const run = promisify(execFile);
const WAIT = { timeout: 30_000, interval: 50 };
/** Nobody used it for longer than anything else. */
const LONG_AGO = new Date("2020-01-01");
const OLD = "templates/" + "0".repeat(64);

let cacheDir: string;
let undo: (() => Promise<unknown>)[];

/** With the machine's image and templates, by link: none of these tests boots a kernel. */
beforeEach(async () => {
  undo = [];
  await mkdir(ROOT, { recursive: true });
  const made = await mkdtemp(join(ROOT, "cache-"));
  undo.push(() => rm(made, { recursive: true, force: true }));
  cacheDir = made;
  await fillCache(made);
});

afterEach(async () => {
  for (const step of undo.toReversed()) await step();
});

async function fillCache(folder: string): Promise<void> {
  // The template of the default machine is made where no test was before this one.
  await using maker = await TestWorker.start();
  await maker.worker.warm("c1m2");
  for (const kind of ["templates", "accelerator"])
    await run("cp", ["-al", join(CACHE, kind), join(folder, kind)]);
  const digest = await readlink(join(CACHE, "images", "current"));
  await mkdir(join(folder, "images"));
  await run("cp", ["-al", join(CACHE, "images", digest), join(folder, "images", digest)]);
  await symlink(digest, join(folder, "images", "current"));
  await copyFile(join(CACHE, "tsc-khz"), join(folder, "tsc-khz"));
  await mkdir(join(folder, OLD));
  await link(join(folder, "images", digest, "initramfs.cpio"), join(folder, OLD, "state"));
  await makeOld(folder);
}

async function makeOld(folder: string): Promise<void> {
  for (const name of await readdir(join(folder, "templates")))
    await utimes(join(folder, "templates", name), LONG_AGO, LONG_AGO);
}

/** In the end none has met a failure that no caller waited for. */
async function start(cacheGib: number): Promise<TestWorker> {
  const worker = await TestWorker.start({
    cacheDir,
    cacheGib,
    imageDir: join(cacheDir, "images", "current"),
  });
  undo.push(async () => {
    await worker[Symbol.asyncDispose]();
    expect(worker.errors).toEqual([]);
  });
  return worker;
}

const templates = (): Promise<string[]> => readdir(join(cacheDir, "templates"));

/** As a build of another one leaves it. */
async function upgradeBaseImage(): Promise<void> {
  const images = join(cacheDir, "images");
  const [before, after] = [await readlink(join(images, "current")), "f".repeat(64)];
  await run("cp", ["-al", join(images, before), join(images, after)]);
  const manifest = join(images, after, "manifest.json");
  const described = JSON.parse(await readFile(manifest, "utf8")) as object;
  await rm(manifest);
  await writeFile(manifest, JSON.stringify({ ...described, digest: after }));
  await rm(join(images, "current"));
  await symlink(after, join(images, "current"));
  await utimes(join(images, before), LONG_AGO, LONG_AGO);
}

test("a daemon's start sweeps, but not what another uses; VMs and snapshots outlive their template and base image", async () => {
  const user = await start(100);
  const vmId = await user.launch();
  const [inUse = ""] = (await readdir(join(cacheDir, "users")))
    .filter((name) => name.startsWith("templates."))
    .map((name) => name.split(".")[1] ?? "");
  await makeOld(cacheDir);
  await start(0);
  await vi.waitFor(async () => expect(await templates()).toEqual([inUse]), WAIT);
  // What the sweep left is whole.
  await user.worker.deleteVm(await user.launch());

  await user.sh(vmId, "echo kept > /root/file");
  const snapshotId = newSnapshotId();
  await user.worker.createSnapshot(vmId, snapshotId);
  await user.worker.pause(vmId);
  const old = await readlink(join(cacheDir, "images", "current"));
  await user.restart(async () => {
    await makeOld(cacheDir);
    await upgradeBaseImage();
    // With room for all of it.
    await start(100);
    await vi.waitFor(async () => expect(await templates()).toEqual([]), WAIT);
    await vi.waitFor(async () => expect(await readdir(join(cacheDir, "images"))).not.toContain(old), WAIT);
  });
  await user.worker.resume(vmId);
  const restored = await user.launch({ source: { kind: "snapshot", snapshotId } });
  for (const each of [vmId, restored]) expect(await user.sh(each, "cat /root/file")).toBe("kept");
});

test("a cache on a disk that is full is swept, and a daemon starts from it", async () => {
  const disk = await mkdtemp(join(ROOT, "small-"));
  await run("mount", ["-t", "tmpfs", "-o", "size=1g", "tmpfs", disk]);
  undo.push(
    () => rm(disk, { recursive: true, force: true }),
    () => run("umount", ["--lazy", disk]),
  );
  for (const name of ["images", "accelerator", OLD, "tsc-khz"]) {
    await mkdir(dirname(join(disk, name)), { recursive: true });
    await run("cp", ["-a", "--sparse=always", join(cacheDir, name), join(disk, name)]);
  }
  cacheDir = disk;
  await makeOld(disk);
  await run("sh", ["-c", `head -c 2G /dev/zero > ${disk}/ballast || true`]);
  const worker = await start(0);
  await vi.waitFor(async () => expect(await templates()).toEqual([]), WAIT);
  expect(await readdir(join(disk, "images"))).toContain("current");
  expect((await worker.worker.inventory()).vms).toEqual([]);
});
