/** What layers that somebody made to do harm come to, with the applier as a build VM runs it, on this machine. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HeldLayer } from "../images/image-store.ts";

const run = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const MAX_ENTRIES = 1000;
const MAX_BYTES = 128 * 1024 ** 2;

let folder: string;
let target: string;
let layers: ReadonlyMap<string, HeldLayer>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-hostile-"));
  target = join(folder, "target");
  await mkdir(join(folder, "layers"));
  const { stdout } = await run("python3", [here("../testing/hostile-layers.py"), join(folder, "layers")]);
  const found = stdout.trim().split("\n");
  layers = new Map(
    found.map((line) => {
      const { name, layer } = JSON.parse(line) as { name: string; layer: HeldLayer };
      return [name, layer];
    }),
  );
}, 60_000);

afterAll(() => rm(folder, { recursive: true }));

/** What the applier says last; the tree is gone afterwards. */
async function apply(name: string, look: () => Promise<void> = async () => {}): Promise<string> {
  const layer = layers.get(name);
  if (layer === undefined) throw new Error(`there is no layer ${name}`);
  const { path, sizeBytes, compression } = layer;
  await mkdir(target);
  const placed = `0:${sizeBytes}:${compression}:${MAX_BYTES}`;
  try {
    const args = [here("apply-layer.py"), target, path, `${MAX_ENTRIES}`, placed];
    const { stdout } = await run("python3", args).catch((error: unknown) => {
      const { stderr } = error as { stderr: string };
      return { stdout: stderr.trim().split("\n").at(-1) ?? "" };
    });
    await look();
    return stdout.trim();
  } finally {
    await rm(target, { recursive: true });
  }
}

test("names and links that lead out of the tree lead into it", async () => {
  const before = { etc: await readdir("/etc"), tmp: await readdir("/tmp") };
  const said = await apply("escapes", async () => {
    const inside = await readdir(join(target, "tmp"));
    expect(inside.toSorted()).toEqual(
      ["absolute", "by-far-link", "by-link", "up"].map((name) => `fastvm-escaped-${name}`),
    );
    expect(await readdir(join(target, "proc/1/root/tmp"))).toEqual(["fastvm-escaped-by-process"]);
  });
  expect(said).toBe(layers.get("escapes")?.diffId);
  expect(await readdir("/etc")).toEqual(before.etc);
  expect((await readdir("/tmp")).filter((name) => name.startsWith("fastvm-escaped"))).toEqual([]);
});

test.each([
  ["a link to a file of the host", /No such file/],
  ["a link to itself", /leads to itself/],
  ["links in a circle", /leads to itself/],
  ["zeros without end", /more in it than the disk has room for/],
  ["the same again and again", /more in it than the disk has room for/],
  ["a file with a hole of exabytes", /larger than the disk/],
  ["more entries than may be", /more than 1000 entries/],
  ["a size that lies", /no tar: unexpected end/],
  ["a name of gigabytes", /more in it than the disk has room for/],
  ["names of names of names", /no tar: RecursionError/],
  ["a user beyond all numbers", /no tar: OverflowError/],
  ["a time beyond all times", /no tar: OverflowError/],
  ["a whiteout of what is above", /takes away what has no name/],
  ["a file that is the root", /File exists/],
])("%s is refused", async (name, reason) => {
  const said = await apply(name);
  expect(said).toMatch(/^refused: /);
  expect(said).toMatch(reason);
});
