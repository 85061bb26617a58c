import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { newOrgId, type OrgId } from "@fastvm/contract";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ownerName } from "../processes/owner-name.ts";
import { layoutOf } from "../testing/oci-layout.ts";
import { digestOf, testImage, TestRegistry } from "../testing/test-registry.ts";
import { ImageStore } from "../images/image-store.ts";
import { BuildCaches, buildCachesIn } from "./build-caches.ts";
import type { ImageShelf } from "./cache-entries.ts";
import { Cache } from "./cache.ts";
import { inspectCache } from "./inspect-cache.ts";

const KIB = 1024;
const GIB = 1024 ** 3;
const FILE_KIB = 64;
/** Files of these tests are smaller than any budget that a user gives. */
const NOTHING = 0;
const NO_IMAGES: ImageShelf = { shelved: async () => [], evict: async () => false };

let folder: string;
let caches: Cache[];
let images: ImageStore | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-cache-"));
  caches = [];
  images = undefined;
});
afterEach(async () => {
  await Promise.all(caches.map((cache) => cache.close()));
  await images?.close();
  await rm(folder, { recursive: true });
});

function open(budgetBytes: number): Cache {
  const onError = (error: unknown): void => expect.unreachable(String(error));
  const shelves = { shelf: images ?? NO_IMAGES, builds: new BuildCaches(buildCachesIn(folder)) };
  const cache = new Cache({ folder, budgetBytes, ...shelves, onError });
  caches.push(cache);
  return cache;
}

/** `templates/aaaa…` for `templates/a`. */
function named(short: string): string {
  const [kind = "", letter = ""] = short.split("/");
  return `${kind}/${letter.repeat(64)}`;
}

/** Last used so many days ago. */
async function entry(short: string, daysAgo: number): Promise<string> {
  const path = join(folder, named(short));
  await mkdir(join(path, "disk"), { recursive: true });
  await writeFile(join(path, "disk", "0.raw"), Buffer.alloc(FILE_KIB * KIB, 1));
  await lastUsed(path, daysAgo);
  return path;
}

async function lastUsed(path: string, daysAgo: number): Promise<void> {
  const then = new Date(Date.now() - daysAgo * 86_400_000);
  await utimes(path, then, then);
}

/** In short, but for what is no entry. */
async function left(): Promise<string[]> {
  const kinds = await Promise.all(
    ["rootfs", "images", "templates"].map(async (kind) => {
      const names = await readdir(join(folder, kind)).catch(() => []);
      return names.map((name) => `${kind}/${/^(.)\1{63}$/.test(name) ? name.slice(0, 1) : name}`);
    }),
  );
  return kinds.flat().toSorted();
}

describe("a sweep", () => {
  test("removes what was not used for the longest time, until the rest fits", async () => {
    for (const [name, days] of [
      ["templates/a", 3],
      ["templates/b", 1],
      ["images/c", 4],
      ["rootfs/d", 2],
    ] as const)
      await entry(name, days);
    await open(2.5 * FILE_KIB * KIB).sweep();
    expect(await left()).toEqual(["rootfs/d", "templates/b"]);
  });

  test("within the budget removes nothing", async () => {
    await entry("templates/a", 100);
    await open(GIB).sweep();
    expect(await left()).toEqual(["templates/a"]);
  });

  test("counts a file once, whatever number of names it has", async () => {
    const [a, b] = [await entry("templates/a", 2), await entry("templates/b", 1)];
    await rm(join(b, "disk", "0.raw"));
    await link(join(a, "disk", "0.raw"), join(b, "disk", "0.raw"));
    await lastUsed(b, 1);
    expect((await inspectCache(folder, folder, 1)).bytes).toBe(FILE_KIB * KIB);
    await open(1.5 * FILE_KIB * KIB).sweep();
    expect(await left()).toEqual(["templates/a", "templates/b"]);
  });

  test("leaves the current image, what it is built of, and what was used a moment ago", async () => {
    const image = await entry("images/a", 100);
    await writeFile(join(image, "manifest.json"), JSON.stringify({ recipeDigest: "b".repeat(64) }));
    await lastUsed(image, 100);
    await symlink("a".repeat(64), join(folder, "images", "current"));
    await entry("rootfs/b", 100);
    await entry("rootfs/c", 100);
    await entry("images/d", 0);
    await open(NOTHING).sweep();
    expect(await left()).toEqual(["images/a", "images/current", "images/d", "rootfs/b"]);
  });

  test("leaves what is no entry of the cache", async () => {
    await mkdir(join(folder, "images", "mine"), { recursive: true });
    await mkdir(join(folder, "bench"));
    await lastUsed(join(folder, "images", "mine"), 100);
    await open(NOTHING).sweep();
    expect(await left()).toEqual(["images/mine"]);
    expect(await readdir(folder)).toContain("bench");
  });

  test("takes nothing from a VM or a snapshot, which have links of their own", async () => {
    const path = await entry("templates/a", 100);
    const own = join(folder, "snapshot-layer");
    await link(join(path, "disk", "0.raw"), own);
    await open(NOTHING).sweep();
    expect(await left()).toEqual([]);
    expect(await readFile(own)).toHaveLength(FILE_KIB * KIB);
  });
});

describe("what was made of an older base image", () => {
  const describeAs = async (short: string, daysAgo: number, manifest: object): Promise<void> => {
    const path = await entry(short, daysAgo);
    await writeFile(join(path, "manifest.json"), JSON.stringify(manifest));
    await lastUsed(path, daysAgo);
  };
  const digest = (letter: string): string => letter.repeat(64);

  beforeEach(async () => {
    const base = { recipeDigest: digest("f") };
    await describeAs("images/a", 100, base);
    await describeAs("images/b", 3, base);
    await describeAs("images/c", 3, { manifestDigest: "sha256:x", base: digest("a") });
    await describeAs("images/d", 3, { manifestDigest: "sha256:x", base: digest("b") });
    // As versions before this one wrote it.
    await describeAs("images/e", 3, { manifestDigest: "sha256:x" });
    for (const letter of ["a", "b", "c", "d"])
      await describeAs(`templates/${letter}`, 3, { imageDigest: digest(letter) });
    await describeAs("templates/e", 3, { imageDigest: digest("9") });
    await symlink(digest("a"), join(folder, "images", "current"));
    await entry("rootfs/f", 100);
    await entry("rootfs/9", 3);
  });

  test("goes by itself, within the budget too, with its templates; the current one's stays", async () => {
    const cache = open(GIB);
    await cache.sweep();
    expect(await left()).toEqual([
      "images/a",
      "images/c",
      "images/current",
      "rootfs/f",
      "templates/a",
      "templates/c",
      // Of an image that lies elsewhere.
      "templates/e",
    ]);
  });

  test("stays while a daemon uses it, and for a day", async () => {
    await open(GIB).use(join(folder, named("templates/b")));
    await lastUsed(join(folder, named("templates/d")), 0.5);
    await open(GIB).sweep();
    expect(await left()).toEqual(
      expect.arrayContaining(["images/b", "images/d", "templates/b", "templates/d"]),
    );
    expect(await left()).not.toContain("images/e");
  });

  test("is nothing where no image is current", async () => {
    await rm(join(folder, "images", "current"));
    const before = await left();
    await open(GIB).sweep();
    expect(await left()).toEqual(before);
  });
});

describe("images of registries", () => {
  const layer = randomBytes(FILE_KIB * KIB);
  const OURS = newOrgId();

  beforeEach(async () => {
    images = await ImageStore.open({ cacheDir: folder, registriesFile: undefined });
  });

  /** Its layer is of some size; what is beside it takes two blocks. */
  async function load(
    name: string,
    daysAgo: number,
    layers = [randomBytes(FILE_KIB * KIB)],
  ): Promise<string> {
    const image = testImage({ layers });
    const archive = await layoutOf(image, name, [image.top, ...image.blobs.values()]);
    await images?.load(Readable.from([archive]), { owner: OURS });
    const hex = digestOf(image.top).slice(7);
    await lastUsed(join(folder, "oci", "blobs", hex), daysAgo);
    return hex;
  }

  /** As if all had come from a registry. */
  async function arePulled(): Promise<void> {
    const names = join(folder, "oci", "names");
    for (const file of await readdir(names)) {
      const held = JSON.parse(await readFile(join(names, file), "utf8")) as object;
      await writeFile(join(names, file), JSON.stringify({ ...held, isPulled: true }));
    }
  }

  const names = async (): Promise<string[]> =>
    ((await images?.list()) ?? []).map(({ reference }) => reference.replace("docker.io/library/", ""));

  test("are under the same budget, and the longest unused go with all that is theirs alone", async () => {
    await entry("templates/a", 2);
    const [old] = [await load("old:1", 3), await load("new:1", 1)];
    await arePulled();
    await open(2.5 * FILE_KIB * KIB).sweep();
    expect(await names()).toEqual(["new:1"]);
    expect(await left()).toEqual(["templates/a"]);
    expect(await readdir(join(folder, "oci", "blobs"))).not.toContain(old);
    expect((await inspectCache(folder, folder, 1)).pulled).toBe(1);
    await open(NOTHING).sweep();
    expect(await names()).toEqual([]);
    expect(await readdir(join(folder, "oci", "blobs"))).toEqual([]);
  });

  test("that share a layer count it once, and what goes leaves it to the other", async () => {
    await load("one:1", 3, [layer, randomBytes(10)]);
    await load("two:1", 1, [layer, randomBytes(10)]);
    await arePulled();
    await open(1.5 * FILE_KIB * KIB).sweep();
    expect(await names()).toEqual(["one:1", "two:1"]);
    await open(1.25 * FILE_KIB * KIB).sweep();
    expect(await names()).toEqual(["two:1"]);
    expect(await readdir(join(folder, "oci", "blobs"))).toContain(digestOf(layer).slice(7));
  });

  test("stay while a daemon uses what was made of them, and when they were used a moment ago", async () => {
    const [used, looked] = [await load("used:1", 100), await load("looked:1", 100)];
    await load("other:1", 100);
    await arePulled();
    const made = await entry("images/a", 100);
    await writeFile(join(made, "manifest.json"), JSON.stringify({ manifestDigest: `sha256:${used}` }));
    await open(GIB).use(made);
    await images?.findToUse(looked, OURS);
    const cache = open(NOTHING);
    await cache.sweep();
    expect(await names()).toEqual(["looked:1", "used:1"]);
    const use = await cache.usage();
    expect(use.kinds.find(({ kind }) => kind === "oci")).toMatchObject({ entries: 2, unneeded: 1 });
  });

  test("are pruned when that is asked, and not otherwise, and for how long they were not used", async () => {
    await load("old:1", 30);
    await load("new:1", 2);
    await entry("templates/a", 30);
    await arePulled();
    const cache = open(GIB);
    const day = 86_400_000;
    const kinds = { images: false, templates: true };
    expect((await cache.prune({ ...kinds, unusedForMs: 40 * day })).removed).toEqual([]);
    expect(await cache.prune({ ...kinds, unusedForMs: 0 })).toEqual({
      removed: [named("templates/a")],
      bytes: FILE_KIB * KIB,
    });
    expect(await names()).toEqual(["new:1", "old:1"]);
    await cache.prune({ images: true, templates: true, unusedForMs: 7 * day });
    expect(await names()).toEqual(["new:1"]);
  });

  test("that were built here or came in an archive stay, as nobody else may have them", async () => {
    await load("built:1", 100);
    const cache = open(NOTHING);
    await cache.sweep();
    await cache.prune({ images: true, templates: true, unusedForMs: 0 });
    expect(await names()).toEqual(["built:1"]);
    expect((await cache.usage()).kinds.find(({ kind }) => kind === "oci")).toMatchObject({ unneeded: 0 });
  });

  test("larger than the whole budget are not pulled", async () => {
    await using registry = await TestRegistry.start();
    await registry.push("large", "v1", testImage());
    const registriesFile = join(folder, "registries.json");
    await writeFile(registriesFile, JSON.stringify({ [registry.host]: { insecure: true, guarded: true } }));
    const small = await ImageStore.open({ cacheDir: folder, registriesFile, maxBytes: 4000 });
    const order = { reference: `${registry.host}/large:v1`, policy: "always" } as const;
    await expect(small.pull(order)).rejects.toMatchObject({ code: "image_invalid" });
    expect(await readdir(join(folder, "oci", "blobs"))).toEqual([]);
    await small.close();
  });
});

describe("caches of builds", () => {
  const HOUR_MS = 3_600_000;
  const GIVEN_KIB = 10 * FILE_KIB;
  let shelf: BuildCaches;

  beforeEach(() => {
    shelf = new BuildCaches(buildCachesIn(folder), GIVEN_KIB * KIB);
  });

  /** As a build leaves one. */
  async function keep(orgId: OrgId, hoursAgo: number, kib = FILE_KIB): Promise<string> {
    const disk = join(folder, "a-build's");
    await writeFile(disk, Buffer.alloc(kib * KIB, 1));
    await shelf.keep(orgId, disk);
    const kept = join(buildCachesIn(folder), `${orgId}.raw`);
    const then = new Date(Date.now() - hoursAgo * HOUR_MS);
    await utimes(kept, then, then).catch(() => undefined);
    return kept;
  }

  const kept = async (): Promise<string[]> => (await shelf.list()).map(({ orgId }) => orgId).toSorted();

  test("are under the budget of all, and those of the build that is longest ago go first", async () => {
    const [old, recent] = [newOrgId(), newOrgId()];
    await keep(old, 2);
    await keep(recent, 0);
    await entry("templates/a", 100);
    await open(2.5 * FILE_KIB * KIB).sweep();
    expect([await left(), await kept()]).toEqual([[], [old, recent].toSorted()]);
    await open(1.5 * FILE_KIB * KIB).sweep();
    expect(await kept()).toEqual([recent]);
    // Nobody has it, so nobody needs it for ten minutes more.
    await open(NOTHING).sweep();
    expect(await kept()).toEqual([]);
  });

  test("are counted by kind, and pruned with what is no image of a registry", async () => {
    const orgId = newOrgId();
    await keep(orgId, 0);
    const cache = open(GIB);
    const use = await cache.usage();
    expect(use.bytes).toBe(FILE_KIB * KIB);
    const all = { entries: 1, bytes: FILE_KIB * KIB };
    expect(use.kinds.find(({ kind }) => kind === "builds")).toEqual({
      kind: "builds",
      ...all,
      unneeded: 1,
      unneededBytes: FILE_KIB * KIB,
    });
    expect(await inspectCache(folder, folder, 1)).toMatchObject({ builds: 1, bytes: FILE_KIB * KIB });
    const never = { unusedForMs: 0, images: true, templates: false };
    expect((await cache.prune(never)).removed).toEqual([]);
    const old = { unusedForMs: HOUR_MS, images: false, templates: true };
    expect((await cache.prune(old)).removed).toEqual([]);
    expect(await cache.prune({ ...old, unusedForMs: 0 })).toEqual({
      removed: [`builds/${orgId}`],
      bytes: FILE_KIB * KIB,
    });
    expect(await kept()).toEqual([]);
  });

  test("that alone are larger than the budget are not kept", async () => {
    const orgId = newOrgId();
    await keep(orgId, 0, GIVEN_KIB);
    expect(await kept()).toEqual([orgId]);
    const file = await keep(newOrgId(), 0, GIVEN_KIB + FILE_KIB);
    await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await kept()).toEqual([orgId]);
  });

  test("have one taker each, and stay when they came back after somebody looked at them", async () => {
    const orgId = newOrgId();
    await keep(orgId, 1);
    const [seen] = await shelf.list();
    const takes = await Promise.all(["one", "two"].map((name) => shelf.take(orgId, join(folder, name))));
    expect(takes.filter((wasThere) => wasThere)).toHaveLength(1);
    if (seen === undefined) throw new Error("there was none");
    expect(await shelf.remove(seen)).toBe(false);
    await keep(orgId, 0);
    expect(await shelf.remove(seen)).toBe(false);
    expect(await kept()).toEqual([orgId]);
    expect(await shelf.take(newOrgId(), join(folder, "three"))).toBe(false);
  });
});

describe("two daemons on one cache", () => {
  test("what one uses the other leaves, until the first ends", async () => {
    const path = await entry("templates/a", 100);
    const user = open(GIB);
    await user.use(path);
    await lastUsed(path, 100);
    const other = open(NOTHING);
    await other.sweep();
    expect(await left()).toEqual(["templates/a"]);
    await user.close();
    await lastUsed(path, 100);
    await other.sweep();
    expect(await left()).toEqual([]);
  });

  test("a daemon that was killed uses nothing; of one in another container its own word counts for an hour", async () => {
    const [ours, killed, foreign, silent] = [
      await entry("templates/a", 100),
      await entry("templates/b", 100),
      await entry("templates/c", 100),
      await entry("templates/d", 100),
    ];
    await open(GIB).use(ours);
    await lastUsed(ours, 100);
    const says = async (path: string, owner: string): Promise<string> => {
      const file = join(folder, "users", `templates.${path.slice(-64)}.${owner}`);
      await writeFile(file, "");
      return file;
    };
    const [namespace, pid] = (await ownerName()).split("-");
    // Another process has its number by now.
    await says(killed, `${namespace}-${pid}-1`);
    await says(foreign, "1-1-1");
    const old = await says(silent, "1-2-1");
    await lastUsed(old, 1);
    await open(NOTHING).sweep();
    expect(await left()).toEqual(["templates/a", "templates/c"]);
    expect((await readdir(join(folder, "users"))).filter((name) => name.includes("dddd"))).toEqual([]);
  });

  test("whoever says that it uses an entry while that is being removed has it, or finds it gone", async () => {
    for (let round = 0; round < 20; round++) {
      const path = await entry("templates/a", 100);
      const [sweeper, user] = [open(NOTHING), open(GIB)];
      const found = user.use(path).then(() => readdir(path).catch(() => undefined));
      await Promise.all([sweeper.sweep(), found]);
      const isThere = (await left()).includes("templates/a");
      // Found and gone a moment later would be a template that its daemon believes in.
      if ((await found) !== undefined) expect(isThere).toBe(true);
      await Promise.all([sweeper.close(), user.close()]);
    }
  });

  test("what is made anew while the old one is being removed stays", async () => {
    const path = await entry("templates/a", 100);
    const sweeper = open(NOTHING);
    const sweeping = sweeper.sweep();
    const fresh = join(folder, "fresh");
    await mkdir(fresh);
    await writeFile(join(fresh, "manifest.json"), "new");
    await sweeping;
    await rename(fresh, path);
    await sweeper.sweep();
    expect(await left()).toEqual(["templates/a"]);
  });

  test("a half-made entry of a killed daemon goes, one that another still builds stays", async () => {
    const [namespace, pid, start] = (await ownerName()).split("-");
    const uuid = "00000000-0000-4000-8000-000000000000";
    const partial = (owner: string): string => join(folder, "templates", `x.${owner}.${uuid}.partial`);
    await mkdir(partial(`${namespace}-${pid}-${start}`), { recursive: true });
    await mkdir(partial(`${namespace}-${pid}-1`), { recursive: true });
    await open(GIB).sweep();
    expect(await left()).toEqual([`templates/x.${namespace}-${pid}-${start}.${uuid}.partial`]);
  });
});

test("where the list of users cannot be written the daemon is told, and goes on", async () => {
  const path = await entry("templates/a", 100);
  await writeFile(join(folder, "users"), "no folder");
  const errors: unknown[] = [];
  const cache = new Cache({
    folder,
    budgetBytes: GIB,
    shelf: NO_IMAGES,
    builds: new BuildCaches(buildCachesIn(folder)),
    onError: (error) => errors.push(error),
  });
  await cache.use(path);
  await cache.sweep();
  await cache.close();
  expect(errors).toEqual([expect.objectContaining({ code: "EEXIST" })]);
  expect(await left()).toEqual(["templates/a"]);
});

test("of a folder elsewhere nothing has to be said", async () => {
  await open(GIB).use("/usr/share/image");
  expect(await readdir(folder)).toEqual([]);
});
