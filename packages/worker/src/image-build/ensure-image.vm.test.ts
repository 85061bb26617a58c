/** VMs of images that are no Debian: one of busybox, and one with a single static program. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hookSteps } from "@fastvm/contract";
import { pack } from "tar-stream";
import { TestContext } from "../testing/test-context.ts";
import { digestOf, testImage } from "../testing/test-registry.ts";
import { CACHE, ROOT } from "../testing/test-worker.ts";
import { exec } from "../vm/guest/exec.ts";
import { ensureImage } from "./ensure-image.ts";
import type { Vm } from "../vm/state/vm.ts";

const run = promisify(execFile);
const APPLETS = ["sh", "cat", "id", "ls", "sync", "sleep", "true", "mount"];
const PROGRAM = `#include <stdio.h>
int main(int argc, char **argv) { printf("%d %s\\n", argc, argv[argc - 1]); return 7; }`;

let folder: string;
let host: TestContext;

beforeAll(async () => {
  await mkdir(ROOT, { recursive: true });
  folder = await mkdtemp(join(ROOT, "images-"));
  // The machine's own cache is not to keep what this test makes.
  const cacheDir = join(folder, "cache");
  const digest = await readlink(join(CACHE, "images", "current"));
  await mkdir(join(cacheDir, "images"), { recursive: true });
  await run("cp", ["-al", join(CACHE, "images", digest), join(cacheDir, "images", digest)]);
  await symlink(digest, join(cacheDir, "images", "current"));
  for (const kind of ["templates", "accelerator"])
    await run("cp", ["-al", join(CACHE, kind), join(cacheDir, kind)]).catch(() => undefined);
  await copyFile(join(CACHE, "tsc-khz"), join(cacheDir, "tsc-khz")).catch(() => undefined);
  host = await TestContext.open({ cacheDir, imageDir: join(cacheDir, "images", "current") });
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** What is in a folder is the image's only layer. */
async function load(name: string, tree: string): Promise<void> {
  const layer = join(folder, `${name}.tar`);
  await run("tar", ["--create", "--file", layer, "--numeric-owner", "--directory", tree, "."]);
  const { top, blobs } = testImage({ layers: [await readFile(layer)] });
  const descriptor = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(top),
    size: top.length,
  };
  const archive = pack();
  archive.entry({ name: "index.json" }, JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
  for (const content of [top, ...blobs.values()])
    archive.entry({ name: `blobs/sha256/${digestOf(content).slice(7)}` }, content);
  archive.finalize();
  await host.context.images.load(Readable.from(archive), { name });
}

async function ran(vm: Vm, command: readonly string[]): Promise<{ exitCode: number; output: string }> {
  let output = "";
  for await (const event of await exec(vm, { command }, {})) {
    if (event.kind === "exit") return { exitCode: event.exitCode, output };
    output += Buffer.from(event.data).toString();
  }
  throw new Error("the command has no end");
}

/** How many kernels boot meanwhile. */
async function boots(work: () => Promise<void>): Promise<number> {
  let count = 0;
  const unhook = hookSteps(async (name) => {
    if (name === "template.continued") count++;
  });
  try {
    await work();
  } finally {
    unhook();
  }
  return count;
}

test("one of busybox alone boots once, and then launches as the base image does", async () => {
  const tree = join(folder, "busybox");
  for (const name of ["bin", "etc", "root"]) await mkdir(join(tree, name), { recursive: true });
  await copyFile("/bin/busybox", join(tree, "bin", "busybox"));
  for (const applet of APPLETS) await symlink("busybox", join(tree, "bin", applet));
  await writeFile(join(tree, "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(tree, "etc", "marker"), "an image of its own");
  await load("busybox:test", tree);
  const ofImage = { source: { kind: "template", image: "busybox:test" } } as const;
  // And that of the base image, for the VM that unpacks, where the machine had none.
  const first = await boots(async () => {
    const vm = await host.launch(ofImage);
    expect(await ran(vm, ["sh", "-c", "cat /etc/marker; id -u; ls -d /proc/self /dev/null"])).toEqual({
      exitCode: 0,
      output: "an image of its own0\n/dev/null\n/proc/self\n",
    });
  });
  expect(first).toBeGreaterThanOrEqual(1);
  const again = await boots(async () => {
    const vm = await host.launch(ofImage);
    expect((await ran(vm, ["cat", "/etc/hostname"])).exitCode).toBe(0);
  });
  expect(again).toBe(0);
  expect(host.errors).toEqual([]);
});

test("one with a single static program runs it", async () => {
  const tree = join(folder, "scratch");
  await mkdir(tree);
  await writeFile(join(folder, "program.c"), PROGRAM);
  await run("musl-gcc", ["-static", "-o", join(tree, "program"), join(folder, "program.c")]);
  await load("scratch:test", tree);
  const vm = await host.launch({ source: { kind: "template", image: "scratch:test" } });
  expect(await ran(vm, ["/program", "hello"])).toEqual({ exitCode: 7, output: "2 hello\n" });
  // What it has not itself it is given.
  expect(await ran(vm, ["sh", "-c", 'echo "$PATH"'])).toMatchObject({
    exitCode: 0,
    output: expect.stringMatching(/:\/\.fastvm\/bin\n$/) as string,
  });
  expect(await ran(vm, ["tar", "--version"])).toMatchObject({ exitCode: 0 });
  expect(await ran(vm, ["no-such-program"])).toMatchObject({ exitCode: 127 });
  expect(host.errors).toEqual([]);
});

test("what an image starts with runs in every VM of it, and is ready; one that never is says why", async () => {
  const ofImage = { source: { kind: "template", image: "busybox:test" } } as const;
  const { images } = host.context;
  const command = "while true; do nc -l -p 7070 -e echo served; done";
  await images.setStart("busybox:test", { command, ready: { kind: "port", port: 7070 }, timeoutSec: 60 });
  const served = await boots(async () => {
    const vms = await Promise.all([host.launch(ofImage), host.launch(ofImage)]);
    vms.push(await host.launch(ofImage));
    for (const vm of vms)
      expect(await ran(vm, ["nc", "127.0.0.1", "7070"])).toEqual({ exitCode: 0, output: "served\n" });
  });
  // It is a template of its own, made once, also for those who want it at once.
  expect(served).toBe(1);
  // 404 at first, which is not ready.
  const health = "busybox mkdir /www; busybox httpd -p 7071 -h /www; sleep 2; echo well >/www/health";
  const url = "http://127.0.0.1:7071/health";
  await images.setStart("busybox:test", { command: health, ready: { kind: "http", url }, timeoutSec: 60 });
  const healthy = await host.launch(ofImage);
  expect(await ran(healthy, ["cat", "/www/health"])).toEqual({ exitCode: 0, output: "well\n" });
  expect(await ran(healthy, ["sh", "-c", `wget -q -O - ${url}`])).toEqual({ exitCode: 0, output: "well\n" });
  const never = { kind: "command", command: "test -e /nowhere" } as const;
  await images.setStart("busybox:test", { command: "echo not today", ready: never, timeoutSec: 2 });
  await expect(host.launch(ofImage)).rejects.toMatchObject({
    code: "image_invalid",
    message: expect.stringMatching(/not ready within 2 s; it said: not today/) as string,
  });
  await images.setStart("busybox:test", undefined);
  expect(await boots(async () => void (await host.launch(ofImage)))).toBe(0);
});

test("one that is not here is not found", async () => {
  await expect(host.launch({ source: { kind: "template", image: "nothing:test" } })).rejects.toMatchObject({
    code: "not_found",
  });
});

test("who stops making one stops for himself alone: another who waits for it has it", async () => {
  const tree = join(folder, "stopped");
  await mkdir(tree);
  await writeFile(join(tree, "file"), "in it");
  await load("stopped", tree);
  const stopping = new AbortController();
  const unhook = hookSteps(async (name) => {
    if (name === "build.root-begun" && !stopping.signal.aborted) {
      // By now the other waits.
      await new Promise(setImmediate);
      stopping.abort(new Error("no longer wanted"));
    }
  });
  try {
    const [first, other] = await Promise.allSettled([
      ensureImage(host.context, "stopped", undefined, stopping.signal),
      ensureImage(host.context, "stopped"),
    ]);
    expect(first).toMatchObject({ status: "rejected", reason: { message: "no longer wanted" } });
    expect(other).toMatchObject({ status: "fulfilled" });
  } finally {
    unhook();
  }
});
