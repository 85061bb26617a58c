/** Images of two organisations in one store: a registry that wants a login, one that does not, and one that lies about what it has. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { newOrgId, type HeldImage, type ImageOwner, type PullOrder } from "@fastvm/contract";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { FrontServer, type Interference } from "../testing/front-server.ts";
import { layoutOf } from "../testing/oci-layout.ts";
import { digestOf, PASSWORD, testImage, TestRegistry, USER } from "../testing/test-registry.ts";
import type { TestImage } from "../testing/test-registry.ts";
import { ImageStore } from "./image-store.ts";

const OPEN = { insecure: true, guarded: true };
const CREDENTIALS = { username: USER, password: PASSWORD };
const NOT_FOUND = { code: "not_found" };
const [OURS, THEIRS] = [newOrgId(), newOrgId()];

let open: TestRegistry;
let closed: TestRegistry;
let folder: string;
let store: ImageStore;
let undo: AsyncDisposableStack;

beforeAll(async () => {
  [open, closed] = await Promise.all([TestRegistry.start(), TestRegistry.start({ isClosed: true })]);
});
afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await closed[Symbol.asyncDispose]();
});

beforeEach(async () => {
  undo = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), "fastvm-owners-"));
  undo.defer(() => rm(folder, { recursive: true }));
  await allow(open.host, closed.host);
  store = await ImageStore.open({ cacheDir: folder, registriesFile: join(folder, "registries.json") });
  undo.defer(() => store.close());
});
afterEach(() => undo.disposeAsync());

async function allow(...hosts: readonly string[]): Promise<void> {
  const rules = Object.fromEntries(hosts.map((host) => [host, OPEN]));
  await writeFile(join(folder, "registries.json"), JSON.stringify(rules));
}

async function front(interfere: Interference): Promise<FrontServer> {
  const server = undo.use(await FrontServer.start(open.host, interfere));
  await allow(server.host, open.host, closed.host);
  return server;
}

function pull(owner: ImageOwner, reference: string, more: Partial<PullOrder> = {}): Promise<HeldImage> {
  return store.pull({ owner, reference, policy: "if-missing", ...more });
}

const blobs = async (): Promise<string[]> => (await readdir(join(folder, "oci", "blobs"))).toSorted();
const digestsOf = (image: TestImage): string[] =>
  [digestOf(image.top), ...image.blobs.keys()].map((each) => each.slice(7)).toSorted();
const references = async (owner: ImageOwner): Promise<string[]> =>
  (await store.list(owner)).map(({ reference }) => reference);

describe("a private image of one", () => {
  let image: TestImage;
  let reference: string;
  let layer: Buffer;

  beforeEach(async () => {
    layer = randomBytes(3000);
    image = testImage({ layers: [layer] });
    reference = `${closed.host}/secret:v1`;
    await closed.push("secret", "v1", image);
    await pull(OURS, reference, { credentials: CREDENTIALS });
  });

  test("is not there for another, whatever it is called by, and stays", async () => {
    const digest = digestOf(image.top);
    for (const name of [reference, digest, digest.slice(7, 19), `${closed.host}/secret@${digest}`]) {
      await expect(store.inspect(name, THEIRS)).rejects.toMatchObject(NOT_FOUND);
      await expect(store.find(name, THEIRS)).rejects.toMatchObject(NOT_FOUND);
      await expect(store.remove(name, THEIRS)).rejects.toMatchObject(NOT_FOUND);
      await expect(store.save(name, THEIRS)).rejects.toMatchObject(NOT_FOUND);
      await expect(store.inspect(name)).rejects.toMatchObject(NOT_FOUND);
      await expect(store.remove(name)).rejects.toMatchObject(NOT_FOUND);
    }
    expect(await references(THEIRS)).toEqual([]);
    expect(await references(OURS)).toEqual([reference]);
    expect(await store.inspect(digest.slice(7, 19), OURS)).toMatchObject({ reference, owner: OURS });
  });

  test("is not pulled by another without a login that may, whatever the policy", async () => {
    await expect(pull(THEIRS, reference, { policy: "never" })).rejects.toMatchObject(NOT_FOUND);
    for (const policy of ["if-missing", "always"] as const) {
      await expect(pull(THEIRS, reference, { policy })).rejects.toMatchObject({ code: "registry_denied" });
      const credentials = { ...CREDENTIALS, password: "guessed" };
      await expect(pull(THEIRS, reference, { policy, credentials })).rejects.toMatchObject({
        code: "registry_denied",
      });
    }
    await expect(pull("everybody", reference)).rejects.toMatchObject({ code: "registry_denied" });
    expect(await references(THEIRS)).toEqual([]);
    await expect(pull(THEIRS, reference, { credentials: CREDENTIALS })).resolves.toMatchObject({
      owner: THEIRS,
    });
  });

  test("gives none of its layers to one who knows their digests and has a registry of his own name them", async () => {
    const server = await front((request, response) => {
      if (request.url?.includes("/manifests/") !== true) return false;
      response.writeHead(200, { "content-type": "application/json" }).end(image.top);
      return true;
    });
    // The registry behind it has none of it.
    await expect(pull(THEIRS, `${server.host}/mine:v1`)).rejects.toMatchObject(NOT_FOUND);
    expect(server.asked.some((line) => line.includes("/blobs/"))).toBe(true);
    expect(await references(THEIRS)).toEqual([]);
    expect(await blobs()).toEqual(digestsOf(image));
    // Nor what is not quite it.
    const liar = await front((request, response) => {
      const isManifest = request.url?.includes("/manifests/") === true;
      const [config = Buffer.alloc(0)] = image.blobs.values();
      const isConfig = request.url?.endsWith(digestOf(config)) === true;
      response.writeHead(200).end(isManifest ? image.top : isConfig ? config : Buffer.alloc(layer.length));
      return true;
    });
    await expect(pull(THEIRS, `${liar.host}/mine:v1`)).rejects.toMatchObject({ code: "image_invalid" });
    expect(await references(THEIRS)).toEqual([]);
    expect(await readFile(join(folder, "oci", "blobs", digestOf(layer).slice(7)))).toEqual(layer);
  });

  test("gives none of its layers to an archive that lacks them; its owner's may", async () => {
    const [config = Buffer.alloc(0)] = image.blobs.values();
    for (const parts of [[], [image.top], [image.top, config]]) {
      const archive = await layoutOf(image, "stolen:v1", parts);
      await expect(store.load(Readable.from([archive]), { owner: THEIRS })).rejects.toMatchObject({
        code: "image_invalid",
      });
    }
    expect(await references(THEIRS)).toEqual([]);
    const archive = await layoutOf(image, "again:v1", [image.top]);
    await store.load(Readable.from([archive]), { owner: OURS });
    expect(await references(OURS)).toContain("docker.io/library/again:v1");
  });

  test("goes with its owner's name, and not while another has pulled it too", async () => {
    await pull(THEIRS, reference, { credentials: CREDENTIALS });
    await store.remove(reference, OURS);
    expect(await references(OURS)).toEqual([]);
    expect(await references(THEIRS)).toEqual([reference]);
    expect(await blobs()).toEqual(digestsOf(image));
    await store.remove(digestOf(image.top), THEIRS);
    expect(await blobs()).toEqual([]);
  });
});

describe("a public image", () => {
  test("of one is another's once its registry has shown him the manifest, which is all that is asked", async () => {
    const image = testImage();
    await open.push("public", "v1", image);
    const server = await front(() => false);
    const reference = `${server.host}/public:v1`;
    await pull(OURS, reference);
    await expect(store.find(reference, THEIRS)).rejects.toMatchObject(NOT_FOUND);
    await expect(pull(THEIRS, reference, { policy: "never" })).rejects.toMatchObject(NOT_FOUND);
    const before = server.asked.length;
    await pull(THEIRS, reference);
    expect(server.asked.slice(before)).toEqual(["GET /v2/public/manifests/v1"]);
    await pull(THEIRS, reference);
    expect(server.asked).toHaveLength(before + 1);
    expect(await store.inspect(reference, THEIRS)).toMatchObject({ owner: THEIRS });
  });

  test("that both pull at once is brought once", async () => {
    const layer = randomBytes(2_000_000);
    await open.push("both", "v1", testImage({ layers: [layer] }));
    const server = await front(() => false);
    await Promise.all([OURS, THEIRS].map((owner) => pull(owner, `${server.host}/both:v1`)));
    expect(server.asked.filter((line) => line.includes(digestOf(layer)))).toHaveLength(1);
  });

  test("that broke off for one is no beginning for another's of elsewhere", async () => {
    const layer = randomBytes(3_000_000);
    const image = testImage({ layers: [layer] });
    const url = `/blobs/${digestOf(layer)}`;
    await open.push("half", "v1", image);
    const half = await front(async (request, response, passOn) => {
      if (request.url?.endsWith(url) !== true) return false;
      const { status, headers, body } = await passOn();
      response.writeHead(status, headers).write(body.subarray(0, 1_000_000));
      return true;
    });
    const caller = new AbortController();
    const order = { owner: OURS, reference: `${half.host}/half:v1`, policy: "always" } as const;
    const pulling = store.pull(order, { signal: caller.signal });
    pulling.catch(() => undefined);
    await vi.waitFor(() => expect(half.asked.at(-1)).toContain(url), { timeout: 30_000 });
    await vi.waitFor(
      async () => expect((await blobs()).some((name) => name.endsWith(".partial"))).toBe(true),
      { timeout: 30_000 },
    );
    caller.abort(new Error("enough"));
    await expect(pulling).rejects.toThrow("enough");
    const whole = await front(() => false);
    await pull(THEIRS, `${whole.host}/half:v1`);
    expect(whole.asked.find((line) => line.includes(url))).not.toMatch(/bytes=/);
  }, 60_000);
});

describe("everybody's", () => {
  test("are seen by all, behind a name of their own, and removed by nobody but whoever runs the host", async () => {
    const [first, second] = [testImage(), testImage()];
    await open.push("shared", "v1", first);
    const reference = `${open.host}/shared:v1`;
    await pull("everybody", reference);
    for (const owner of [OURS, THEIRS]) {
      expect(await store.list(owner)).toMatchObject([{ reference, owner: "everybody" }]);
      await expect(pull(owner, reference, { policy: "never" })).resolves.toBeDefined();
      await expect(store.remove(reference, owner)).rejects.toMatchObject(NOT_FOUND);
      await expect(store.remove(digestOf(first.top), owner)).rejects.toMatchObject(NOT_FOUND);
    }
    await open.push("shared", "v1", second);
    await pull(OURS, reference, { policy: "always" });
    expect(await store.find(reference, OURS)).toMatchObject({ owner: OURS, digest: digestOf(second.top) });
    expect(await store.list(OURS)).toHaveLength(1);
    expect(await store.find(reference, THEIRS)).toMatchObject({ digest: digestOf(first.top) });
    await store.remove(reference);
    expect(await references(THEIRS)).toEqual([]);
    expect(await references(OURS)).toEqual([reference]);
  });

  test("are those that were there before images had owners", async () => {
    const image = testImage();
    await open.push("older", "v1", image);
    const reference = `${open.host}/older:v1`;
    await pull("everybody", reference);
    const names = join(folder, "oci", "names");
    const [file = ""] = await readdir(names);
    expect(file).toBe(`${digestOf(Buffer.from(reference)).slice(7)}.json`);
    const { owner: _, ...older } = JSON.parse(await readFile(join(names, file), "utf8")) as HeldImage;
    await writeFile(join(names, file), JSON.stringify(older));
    expect(await store.find(reference, THEIRS)).toMatchObject({ owner: "everybody", reference });
  });
});
