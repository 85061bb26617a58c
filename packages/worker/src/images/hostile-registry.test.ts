/** Registries that lie, stall, or lead elsewhere: a pull ends with a clear error or the whole image, and keeps nothing that is wrong. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { FrontServer, type Interference } from "../testing/front-server.ts";
import { layoutOf } from "../testing/oci-layout.ts";
import { digestOf, PASSWORD, testImage, TestRegistry, USER } from "../testing/test-registry.ts";
import type { BlobLimits } from "./blobs/blob-store.ts";
import { ImageStore } from "./image-store.ts";

const OPEN = { insecure: true, guarded: true };
const INVALID = { code: "image_invalid" };
const GUARDED = { code: "registry_guarded" };
const MIB = 1024 ** 2;
const METADATA = "https://169.254.169.254";

let registry: TestRegistry;
let folder: string;
let store: ImageStore;
let undo: AsyncDisposableStack;

beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry[Symbol.asyncDispose]());

beforeEach(async () => {
  undo = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), "fastvm-hostile-"));
  undo.defer(() => rm(folder, { recursive: true }));
  store = await ImageStore.open({ cacheDir: folder, registriesFile: join(folder, "registries.json") });
  undo.defer(() => store.close());
});
afterEach(() => undo.disposeAsync());

async function front(interfere: Interference, ...others: readonly string[]): Promise<FrontServer> {
  const server = undo.use(await FrontServer.start(registry.host, interfere));
  const rules = [server.host, registry.host, ...others].map((host) => [host, OPEN]);
  await writeFile(join(folder, "registries.json"), JSON.stringify(Object.fromEntries(rules)));
  return server;
}

/** Its manifest in place of the registry's. */
const withManifest =
  (manifest: object, then: Interference = () => false): Interference =>
  (request, response, passOn) => {
    if (request.url?.includes("/manifests/") !== true) return then(request, response, passOn);
    response.writeHead(200).end(JSON.stringify(manifest));
    return true;
  };

/** In place of the one that there is. */
async function reopen(limits: BlobLimits): Promise<void> {
  await store.close();
  const registriesFile = join(folder, "registries.json");
  store = await ImageStore.open({ cacheDir: folder, registriesFile, ...limits });
}

const blobs = (): Promise<string[]> => readdir(join(folder, "oci", "blobs"));
const pull = (reference: string, credentials?: { username: string; password: string }) =>
  store.pull({ reference, policy: "always", credentials });

interface Manifest {
  config: { size: number; digest: string };
  layers: { size: number; digest: string }[];
}

/** Pushed, with its manifest to change. */
async function pushed(name: string, layer: Buffer): Promise<Manifest> {
  const image = testImage({ layers: [layer] });
  await registry.push(name, "v1", image);
  return JSON.parse(image.top.toString()) as Manifest;
}

describe("a size that lies", () => {
  test("by more than there is, or less, is an error, and nothing is kept under that digest", async () => {
    const layer = randomBytes(5000);
    const manifest = await pushed("sizes", layer);
    const [described = { size: 0, digest: "" }] = manifest.layers;
    for (const [size, failure] of [
      [4999, INVALID],
      [5001, { code: "registry_unreachable" }],
    ] as const) {
      const server = await front(withManifest({ ...manifest, layers: [{ ...described, size }] }));
      await expect(pull(`${server.host}/sizes:v1`)).rejects.toMatchObject(failure);
      expect(await blobs()).not.toContain(digestOf(layer).slice(7));
    }
  }, 60_000);

  test("of what is here already is an error, too", async () => {
    const layer = randomBytes(5000);
    const manifest = await pushed("held", layer);
    await pull(`${(await front(() => false)).host}/held:v1`);
    const [described = { size: 0, digest: "" }] = manifest.layers;
    for (const size of [10, 6000]) {
      const server = await front(withManifest({ ...manifest, layers: [{ ...described, size }] }));
      await expect(pull(`${server.host}/held:v1`)).rejects.toMatchObject(INVALID);
    }
  }, 60_000);
});

describe("a configuration of 50 MiB", () => {
  const large = Buffer.alloc(50 * MIB, " ");

  test("that says so is not brought", async () => {
    const manifest = await pushed("large", randomBytes(10));
    const config = { ...manifest.config, size: large.length, digest: digestOf(large) };
    const server = await front(withManifest({ ...manifest, config }));
    await expect(pull(`${server.host}/large:v1`)).rejects.toMatchObject(INVALID);
    expect(server.asked).toHaveLength(1);
  });

  test("that says it were small is left after what it said", async () => {
    const manifest = await pushed("liar", randomBytes(10));
    const config = { ...manifest.config, size: 1000, digest: digestOf(large) };
    let sent = 0;
    const server = await front(
      withManifest({ ...manifest, config }, (_request, response) => {
        const more = (): void => {
          while (sent < large.length && !response.destroyed) {
            sent += 65_536;
            if (!response.write(large.subarray(0, 65_536))) {
              response.once("drain", more);
              return;
            }
          }
        };
        response.writeHead(200);
        more();
        return true;
      }),
    );
    await expect(pull(`${server.host}/liar:v1`)).rejects.toMatchObject(INVALID);
    expect(sent).toBeLessThan(large.length);
    expect(await blobs()).toEqual([]);
  });

  test("that is a layer that is here is not read", async () => {
    const manifest = await pushed("layer", large);
    const held = (await front(() => false)).host;
    await pull(`${held}/layer:v1`);
    const [layer = { size: 0, digest: "" }] = manifest.layers;
    const config = { ...manifest.config, digest: layer.digest, size: 100 };
    const server = await front(withManifest({ ...manifest, config, layers: [] }));
    // Before anybody takes it for JSON.
    await expect(pull(`${server.host}/layer:v1`)).rejects.toThrow(/and not the 100 that the manifest says/);
  });
});

describe("what leads to a guarded address is refused", () => {
  const leadTo =
    (url: string, what: string): Interference =>
    (request, response) => {
      if (request.url?.includes(what) !== true) return false;
      response.writeHead(307, { location: url }).end();
      return true;
    };

  test.each([
    `${METADATA}/latest`,
    "https://10.0.0.1/v2/",
    "https://[fd00::1]/",
    "https://[::ffff:169.254.169.254]/",
  ])("a redirection of a manifest or a blob to %s", async (url) => {
    await pushed("led", randomBytes(100));
    for (const what of ["/manifests/", "/blobs/"]) {
      const server = await front(leadTo(url, what));
      await expect(pull(`${server.host}/led:v1`)).rejects.toMatchObject(GUARDED);
    }
    expect(await blobs()).toEqual([]);
  });

  test("a server of tokens, which is shown no password then", async () => {
    const server = await front((_request, response) => {
      const realm = `Bearer realm="${METADATA}/token",service="x"`;
      return Boolean(response.writeHead(401, { "www-authenticate": realm }).end());
    });
    await expect(pull(`${server.host}/x:v1`, { username: USER, password: PASSWORD })).rejects.toMatchObject(
      GUARDED,
    );
    expect(server.credentials).toEqual(new Set());
  });

  test("unless the operator allows that host, which is shown no password either", async () => {
    await pushed("moved", randomBytes(3000));
    const elsewhere = undo.use(await FrontServer.start(registry.host, () => false));
    const server = await front((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        return true;
      }
      if (request.url?.includes("/blobs/") !== true) return false;
      response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` }).end();
      return true;
    }, elsewhere.host);
    await pull(`${server.host}/moved:v1`, { username: USER, password: PASSWORD });
    expect(elsewhere.asked.length).toBeGreaterThan(0);
    expect(elsewhere.credentials).toEqual(new Set());
    expect(server.credentials.size).toBe(1);
  });
});

describe("the disk", () => {
  /** Sends half of each layer and no more, until the caller has enough of it. */
  async function breakOff(server: FrontServer, name: string, part: number): Promise<void> {
    const caller = new AbortController();
    const order = { reference: `${server.host}/${name}:v1`, policy: "always" } as const;
    const pulling = store.pull(order, { signal: caller.signal });
    pulling.catch(() => undefined);
    await vi.waitFor(async () => expect(await sizes()).toContain(part), { timeout: 30_000 });
    caller.abort(new Error("enough"));
    await expect(pulling).rejects.toThrow("enough");
  }

  const sizes = async (): Promise<number[]> =>
    Promise.all((await blobs()).map(async (name) => (await stat(join(folder, "oci", "blobs", name))).size));

  test("has no more of what broke off than so much, the newest, also while somebody brings something else", async () => {
    const layers = [3000, 3002, 3004].map((bytes) => randomBytes(bytes));
    const ours = layers.map((layer) => digestOf(layer));
    await Promise.all(layers.map((layer, index) => pushed(`half-${index}`, layer)));
    const endless = randomBytes(10);
    await pushed("endless", endless);
    const server = await front(async (request, response, passOn) => {
      if (request.url?.endsWith(digestOf(endless)) === true) return true;
      if (!ours.some((digest) => request.url?.endsWith(digest))) return false;
      const { status, headers, body } = await passOn();
      response.writeHead(status, headers).write(body.subarray(0, body.length / 2));
      return true;
    });
    await reopen({ maxLeftBytes: 1502 + 1501 });
    const other = new AbortController();
    const order = { reference: `${server.host}/endless:v1`, policy: "always" } as const;
    const bringing = store.pull(order, { signal: other.signal });
    bringing.catch(() => undefined);
    await breakOff(server, "half-0", 1500);
    await breakOff(server, "half-1", 1501);
    expect(await sizes()).toEqual(expect.arrayContaining([1500, 1501]));
    await breakOff(server, "half-2", 1502);
    expect(await sizes()).not.toContain(1500);
    expect(await sizes()).toEqual(expect.arrayContaining([1501, 1502]));
    other.abort(new Error("enough"));
    await expect(bringing).rejects.toThrow("enough");
  }, 60_000);

  test("is not filled: below what is to stay free nothing is taken, of a registry or an archive", async () => {
    const layer = randomBytes(3000);
    const image = testImage({ layers: [layer] });
    await registry.push("full", "v1", image);
    const server = await front(() => false);
    await reopen({ freeBytesFloor: Number.MAX_SAFE_INTEGER });
    await expect(pull(`${server.host}/full:v1`)).rejects.toMatchObject({ code: "out_of_disk" });
    const archive = await layoutOf(image, "full:v1", [image.top, ...image.blobs.values()]);
    await expect(store.load(Readable.from([archive]))).rejects.toMatchObject({ code: "out_of_disk" });
    expect(await blobs()).toEqual([]);
  });
});

describe("a registry that takes its time", () => {
  test("with each piece of a layer, or is too busy in the middle of it, is waited for", async () => {
    const layer = randomBytes(3000);
    await pushed("slow", layer);
    let asked = 0;
    const server = await front(async (request, response, passOn) => {
      if (request.url?.endsWith(`/blobs/${digestOf(layer)}`) !== true) return false;
      asked += 1;
      if (asked === 2) {
        response.writeHead(429, { "retry-after": "1" }).end();
        return true;
      }
      const { status, headers, body } = await passOn();
      response.writeHead(status, headers);
      const end = asked === 1 ? 1000 : body.length;
      for (let at = 0; at < end; at += 100) {
        response.write(body.subarray(at, Math.min(at + 100, end)));
        await sleep(5);
      }
      if (end < body.length) response.destroy();
      else response.end();
      return true;
    });
    await pull(`${server.host}/slow:v1`);
    const ranges = server.asked.filter((line) => line.includes(digestOf(layer)));
    expect(ranges).toHaveLength(3);
    expect(ranges[2]).toMatch(/ bytes=1000-$/);
  }, 60_000);
});
