/** A root file system that a VM makes of layers is what umoci makes of them. */
import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "../testing/test-worker.ts";
import { inGuest, TestContext } from "../testing/test-context.ts";
import type { HeldLayer } from "../images/image-store.ts";
import { buildRoot } from "./build-root.ts";

const run = promisify(execFile);
const testing = (name: string): string => fileURLToPath(new URL(`../testing/${name}`, import.meta.url));
const DIGEST = "0123456789abcdef".repeat(4);
/** Small, so that what does not fit is soon written. */
const DISK_GIB = 1 / 8;
const MAX_ENTRIES = 1000;
/** Each of the hostile layers costs a VM: the one that would escape, and of the others so many; "all" takes all. */
const HOSTILE = process.env["FASTVM_TEST_HOSTILE"] || "1";
const SEED = Number(process.env["FASTVM_TEST_SEED"] || randomInt(2 ** 31));
const ESCAPES = "escapes";
/** Under emulation, all of them on a machine that others use. */
const HOSTILE_MS = 600_000;

let host: TestContext;
let folder: string;
let layers: readonly HeldLayer[];

beforeAll(async () => {
  await mkdir(ROOT, { recursive: true });
  folder = await mkdtemp(join(ROOT, "layers-"));
  host = await TestContext.open();
  const { stdout } = await run("python3", [testing("layered-image.py"), join(folder, "layout")]);
  layers = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as HeldLayer);
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function listing(tree: string): Promise<readonly string[]> {
  const { stdout } = await run("python3", [testing("tree-listing.py"), tree], { maxBuffer: 1024 ** 2 * 16 });
  return stdout.trim().split("\n");
}

const build = (given: readonly HeldLayer[], path = join(folder, "root.raw")): Promise<void> =>
  buildRoot(
    host.context,
    { layers: given, diskGib: DISK_GIB, digest: DIGEST, path },
    new AbortController().signal,
  );

/** Nobody's VM is left, nor its process, folder or user. */
async function nothingIsLeft(): Promise<void> {
  expect(await readdir(join(host.context.config.dataDir, "templating")).catch(() => [])).toEqual([]);
  expect(host.errors).toEqual([]);
}

test("all that layers can do to each other comes out as with umoci", async () => {
  await run("umoci", ["unpack", "--image", `${join(folder, "layout")}:test`, join(folder, "bundle")]);
  await build(layers);
  const mounted = join(folder, "mounted");
  await mkdir(mounted);
  // What is in it we have made ourselves.
  await run("mount", ["-o", "loop,ro,noload", join(folder, "root.raw"), mounted]);
  try {
    expect(await listing(mounted)).toEqual(await listing(join(folder, "bundle", "rootfs")));
  } finally {
    await run("umount", [mounted]);
  }
  await expect(run("e2fsck", ["-fn", join(folder, "root.raw")])).resolves.toBeDefined();
  expect((await stat(join(folder, "root.raw"))).mode & 0o777).toBe(0o444);
  await nothingIsLeft();
});

test("a layer that is another than the configuration says, no tar, or more than the disk is refused; nothing is left", async () => {
  const [first] = layers;
  if (first === undefined) throw new Error("there are no layers");
  const path = join(folder, "never.raw");
  await expect(build([{ ...first, diffId: `sha256:${"0".repeat(64)}` }], path)).rejects.toThrow(
    /is to be sha256:0/,
  );
  const noise = join(folder, "noise");
  await writeFile(noise, Buffer.alloc(10_000, 7));
  const noTar: HeldLayer = { path: noise, sizeBytes: 10_000, compression: "none", diffId: first.diffId };
  await expect(build([noTar], path)).rejects.toThrow(/no tar/);
  const bomb = join(folder, "bomb.gz");
  await run("sh", ["-c", `head -c 140M /dev/zero | gzip -1 >${bomb}`]);
  const { size } = await stat(bomb);
  await expect(
    build([{ path: bomb, sizeBytes: size, compression: "gzip", diffId: first.diffId }], path),
  ).rejects.toMatchObject({
    code: "image_invalid",
  });
  await expect(stat(path)).rejects.toThrow("ENOENT");
  await nothingIsLeft();
});

interface HostileLayer {
  readonly name: string;
  readonly layer: HeldLayer;
}

async function hostileLayers(): Promise<readonly HostileLayer[]> {
  const into = join(folder, "hostile");
  await mkdir(into);
  const { stdout } = await run("python3", [testing("hostile-layers.py"), into]);
  const all = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as HostileLayer);
  const others = all.filter(({ name }) => name !== ESCAPES);
  const from = SEED % others.length;
  const chosen = HOSTILE === "all" ? others : [...others, ...others].slice(from, from + Number(HOSTILE));
  return [...all.filter(({ name }) => name === ESCAPES), ...chosen];
}

/** Of the host, what such a layer would change; of the folder that everybody writes to, those names alone. */
async function onTheHost(): Promise<readonly string[]> {
  const folders = ["/", "/etc", "/dev", "/root", "/usr/bin"];
  const names = await Promise.all(folders.map(async (each) => [each, ...(await readdir(each)).toSorted()]));
  const escaped = (await readdir("/tmp")).filter((name) => name.startsWith("fastvm-escaped"));
  const changed = await Promise.all(
    ["/etc/passwd", "/etc/shadow"].map(async (each) => (await stat(each)).mtimeMs),
  );
  return [...names.flat(), ...escaped, ...changed.map(String)];
}

test(
  `layers that somebody made to do harm come to nothing but an error or a tree; other VMs run on (seed ${SEED})`,
  async () => {
    const neighbour = await host.launch();
    const chosen = await hostileLayers();
    const before = await onTheHost();
    for (const { name, layer } of chosen) {
      const path = join(folder, `${name.replaceAll(" ", "-")}.raw`);
      const order = { layers: [layer], diskGib: DISK_GIB, digest: DIGEST, path, maxEntries: MAX_ENTRIES };
      const built = buildRoot(host.context, order, new AbortController().signal);
      if (name === ESCAPES) await expect(built, name).resolves.toBeUndefined();
      else await expect(built, name).rejects.toMatchObject({ code: "image_invalid" });
      expect(await onTheHost(), name).toEqual(before);
      await nothingIsLeft();
    }
    expect(await inGuest(neighbour, "echo runs")).toBe("runs");
  },
  HOSTILE_MS,
);
