/** Archives as Docker and OCI have them, against skopeo, which reads and writes both. */
import { execFile, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pack } from "tar-stream";
import { ownerName } from "../../processes/owner-name.ts";
import { identifyProcess } from "../../processes/proc.ts";
import { digestOf, testImage, TestRegistry } from "../../testing/test-registry.ts";
import { ImageStore } from "../image-store.ts";

const run = promisify(execFile);

let folder: string;
let store: ImageStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-archive-"));
  store = await ImageStore.open({ cacheDir: folder, registriesFile: join(folder, "registries.json") });
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const skopeo = (...args: string[]): Promise<unknown> => run("skopeo", ["--insecure-policy", ...args]);
const blobs = (): Promise<string[]> => readdir(join(folder, "oci", "blobs"));
/** A tar, as layers are, since skopeo looks into them. */
const tarLayer = (): Promise<Buffer> => tarOf({ "etc/motd": randomBytes(2000) });

interface Entries {
  readonly [name: string]: Buffer | { readonly link: string };
}

async function tarOf(entries: Entries): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(entries)) {
    if (Buffer.isBuffer(content)) archive.entry({ name }, content);
    else archive.entry({ name, type: "symlink", linkname: content.link });
  }
  archive.finalize();
  return await buffer(archive);
}

const json = (content: unknown): Buffer => Buffer.from(JSON.stringify(content));
const loadBytes = (bytes: Buffer, name?: string) => store.load(Readable.from([bytes]), { name });

/** As docker save wrote it before it knew OCI. */
async function dockerArchive(changes: Entries = {}): Promise<Buffer> {
  const layer = await tarLayer();
  const { blobs: content } = testImage({ layers: [layer, layer] });
  const [config = Buffer.alloc(0)] = [...content.values()];
  return await tarOf({
    "config.json": config,
    "aa/layer.tar": layer,
    "bb/layer.tar": { link: "../aa/layer.tar" },
    "manifest.json": json([
      {
        Config: "config.json",
        RepoTags: ["team/app:v1", "app:v2"],
        Layers: ["aa/layer.tar", "bb/layer.tar"],
      },
    ]),
    ...changes,
  });
}

describe("what is saved", () => {
  test.each(["docker-archive", "oci-archive"])("skopeo reads as %s, and we as it was", async (form) => {
    await using registry = await TestRegistry.start();
    const image = testImage({ layers: [await tarLayer(), await tarLayer()] });
    await registry.push("team/app", "v1", image);
    await writeFile(
      join(folder, "registries.json"),
      JSON.stringify({ [registry.host]: { insecure: true, guarded: true } }),
    );
    const reference = `${registry.host}/team/app:v1`;
    const pulled = await store.pull({ reference, policy: "always" });
    const file = join(folder, "saved.tar");
    await writeFile(file, await buffer(await store.save(reference)));
    await skopeo("copy", `${form}:${file}`, `dir:${join(folder, "copy")}`);
    for (const layer of (await store.inspect(reference)).layers) {
      expect(digestOf(await readFile(join(folder, "copy", layer.digest.slice(7))))).toBe(layer.digest);
    }
    await store.remove(reference);
    expect(await blobs()).toEqual([]);
    const [loaded] = await store.load(createReadStream(file));
    expect(loaded).toMatchObject({ reference, digest: pulled.digest, sizeBytes: pulled.sizeBytes });
  });

  test("is the same each time", async () => {
    await loadBytes(await dockerArchive());
    const [first, second] = [
      await buffer(await store.save("app:v2")),
      await buffer(await store.save("app:v2")),
    ];
    expect(first.equals(second)).toBe(true);
  });
});

describe("what is loaded", () => {
  test("of Docker's older archives has all of its names, and layers that are links", async () => {
    const loaded = await loadBytes(await dockerArchive());
    expect(loaded.map(({ reference }) => reference)).toEqual([
      "docker.io/team/app:v1",
      "docker.io/library/app:v2",
    ]);
    expect((await store.inspect("app:v2")).layers).toHaveLength(2);
    // The two names are one image, and of one layer that comes twice.
    expect(await blobs()).toHaveLength(3);
  });

  test.each([
    ["docker-archive", "docker-archive:FILE:docker.io/library/other:v3"],
    ["oci-archive", "oci-archive:FILE:docker.io/library/other:v3"],
  ])("may be what skopeo wrote as %s", async (_form, target) => {
    await loadBytes(await dockerArchive());
    const [ours, theirs] = [join(folder, "ours.tar"), join(folder, "theirs.tar")];
    await writeFile(ours, await buffer(await store.save("app:v2")));
    await skopeo("copy", `oci-archive:${ours}:v2`, target.replace("FILE", theirs));
    await store.load(createReadStream(theirs));
    expect((await store.inspect("other:v3")).settings.cmd).toEqual(["/bin/sh"]);
  });

  test("without a name of its own is given one", async () => {
    const nameless = {
      "manifest.json": json([
        { Config: "config.json", RepoTags: null, Layers: ["aa/layer.tar", "bb/layer.tar"] },
      ]),
    };
    await expect(loadBytes(await dockerArchive(nameless))).rejects.toThrow(/give it a name/);
    expect(await blobs()).toEqual([]);
    const [loaded] = await loadBytes(await dockerArchive(nameless), "mine:1");
    expect(loaded?.reference).toBe("docker.io/library/mine:1");
    await expect(loadBytes(await dockerArchive(), "Not A Name")).rejects.toMatchObject({
      code: "invalid_request",
    });
  });
});

describe("archives that are none", () => {
  const OTHER = `blobs/sha256/${"0".repeat(64)}`;

  test.each([
    ["no tar", async () => randomBytes(4096), /no tar/],
    ["compressed", async () => gzipSync(await dockerArchive()), /gunzip/],
    ["cut short", async () => (await dockerArchive()).subarray(0, 3000), /no tar/],
    ["empty", async () => tarOf({}), /lacks manifest.json/],
    [
      "a layer short",
      async () => dockerArchive({ "bb/layer.tar": { link: "../cc/layer.tar" } }),
      /lacks bb\/layer.tar/,
    ],
    ["another's blob under a digest", async () => dockerArchive({ [OTHER]: Buffer.from("x") }), /is sha256:/],
    [
      "a manifest that is no JSON",
      async () => dockerArchive({ "manifest.json": Buffer.from("{") }),
      /no JSON/,
    ],
    [
      "an index that leads nowhere",
      async () =>
        tarOf({
          "index.json": json({
            manifests: [
              {
                mediaType: "application/vnd.oci.image.manifest.v1+json",
                digest: `sha256:${"0".repeat(64)}`,
                size: 1,
              },
            ],
          }),
        }),
      /lacks sha256:0/,
    ],
    [
      "paths out of it",
      async () =>
        dockerArchive({
          "manifest.json": json([{ Config: "../../../etc/passwd", RepoTags: ["a:b"], Layers: [] }]),
        }),
      /lacks \.\./,
    ],
  ] as const)("%s: are refused, and leave nothing", async (_what, make, reason) => {
    await expect(loadBytes(await make())).rejects.toThrow(reason);
    expect(await blobs()).toEqual([]);
    expect(await store.list()).toEqual([]);
  });

  test("without an end are read to their bound of files", async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      const one = (await tarOf({ x: { link: "y" } })).subarray(0, 512);
      for (;;) yield one;
    }
    await expect(store.load(Readable.from(endless()))).rejects.toThrow(/more than 2500 files/);
    expect(await blobs()).toEqual([]);
  });
});

test("an image is found by name and by the beginning of its digest, and goes by either", async () => {
  const [first] = await loadBytes(await dockerArchive());
  const start = first?.digest.slice(0, 19) ?? "";
  expect((await store.inspect(start)).digest).toBe(first?.digest);
  expect(await store.remove("app:v2")).toEqual(["docker.io/library/app:v2"]);
  expect(await blobs()).toHaveLength(3);
  expect(await store.remove(start)).toEqual(["docker.io/team/app:v1"]);
  expect(await blobs()).toEqual([]);
  await expect(store.inspect(start)).rejects.toMatchObject({ code: "not_found" });
  await expect(store.remove("app:v2")).rejects.toMatchObject({ code: "not_found" });
});

test("while another daemon brings something, nothing goes that it may have found", async () => {
  await loadBytes(await dockerArchive());
  const other = await ImageStore.open({ cacheDir: folder, registriesFile: join(folder, "registries.json") });
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  async function* slow(): AsyncGenerator<Buffer> {
    await held;
    yield await dockerArchive();
  }
  const loading = other.load(Readable.from(slow()));
  await expect
    .poll(() => readdir(join(folder, "oci", "names")))
    .toContainEqual(expect.stringMatching(/bringing$/));
  await store.remove("app:v2");
  await store.remove("team/app:v1");
  expect(await blobs()).toHaveLength(3);
  release();
  await loading;
  await other.close();
  // Those of the first archive went when nobody was looking any more.
  expect(await blobs()).toHaveLength(3);
  expect(await store.list()).toHaveLength(2);
});

test("what a daemon that was killed had of an archive goes when the next one starts", async () => {
  const killed = spawn("sleep", ["60"]);
  const identity = await identifyProcess(killed.pid ?? 0);
  const [namespace = ""] = (await ownerName()).split("-");
  const owner = `${namespace}-${killed.pid}-${identity?.startTime}`;
  await writeFile(join(folder, "oci", "blobs", `new.${owner}.${randomUUID()}.partial`), "half");
  const open = () => ImageStore.open({ cacheDir: folder, registriesFile: join(folder, "registries.json") });
  await (await open()).close();
  expect(await blobs()).toHaveLength(1);
  killed.kill("SIGKILL");
  await once(killed, "exit");
  await (await open()).close();
  expect(await blobs()).toEqual([]);
});
