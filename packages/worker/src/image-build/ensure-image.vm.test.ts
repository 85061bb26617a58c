/** VMs of images that are no Debian: one of busybox, and one with a single static program. */
import { execFile } from "node:child_process";
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pack } from "tar-stream";
import { TestContext } from "../testing/test-context.ts";
import { digestOf, testImage } from "../testing/test-registry.ts";
import { CACHE, ROOT } from "../testing/test-worker.ts";
import { exec } from "../vm/guest/exec.ts";
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

const templates = (): Promise<string[]> => readdir(join(folder, "cache", "templates"));

test("one of busybox alone boots once, and then launches as the base image does", async () => {
  const tree = join(folder, "busybox");
  for (const name of ["bin", "etc", "root"]) await mkdir(join(tree, name), { recursive: true });
  await copyFile("/bin/busybox", join(tree, "bin", "busybox"));
  for (const applet of APPLETS) await symlink("busybox", join(tree, "bin", applet));
  await writeFile(join(tree, "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(tree, "etc", "marker"), "an image of its own");
  await load("busybox:test", tree);
  const before = await templates();
  const vm = await host.launch({ source: { kind: "template", image: "busybox:test" } });
  expect(await ran(vm, ["sh", "-c", "cat /etc/marker; id -u; ls -d /proc/self /dev/null"])).toEqual({
    exitCode: 0,
    output: "an image of its own0\n/dev/null\n/proc/self\n",
  });
  const after = await templates();
  // And that of the base image, for the VM that unpacks, where the machine had none.
  expect(after.length).toBeGreaterThan(before.length);
  const second = await host.launch({ source: { kind: "template", image: "busybox:test" } });
  expect((await ran(second, ["cat", "/etc/hostname"])).exitCode).toBe(0);
  expect((await templates()).toSorted()).toEqual(after.toSorted());
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
  expect(await ran(vm, ["sh", "-c", "true"])).toMatchObject({ exitCode: 127 });
  expect(host.errors).toEqual([]);
});

test("one that is not here is not found", async () => {
  await expect(host.launch({ source: { kind: "template", image: "nothing:test" } })).rejects.toMatchObject({
    code: "not_found",
  });
});
