/** Pulls from Debian's docker-registry, and from one that somebody stands in front of. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HeldImage, PullOrder } from "@fastvm/contract";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { FrontServer, type Interference } from "../testing/front-server.ts";
import { digestOf, PASSWORD, testImage, testIndex, TestRegistry, USER } from "../testing/test-registry.ts";
import type { TestImage } from "../testing/test-registry.ts";
import { ImageStore } from "./image-store.ts";

const OPEN = { insecure: true, guarded: true };
const CREDENTIALS = { username: USER, password: PASSWORD };
/** Larger than what arrives in one piece. */
const LARGE = 3_000_000;

let registry: TestRegistry;
let folder: string;
let store: ImageStore;
let undo: AsyncDisposableStack;
let failures: unknown[];

beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry[Symbol.asyncDispose]());

beforeEach(async () => {
  undo = new AsyncDisposableStack();
  failures = [];
  folder = await mkdtemp(join(tmpdir(), "fastvm-images-"));
  undo.defer(() => rm(folder, { recursive: true }));
  await allow({ [registry.host]: OPEN });
  store = await open();
});
afterEach(() => undo.disposeAsync());

async function open(): Promise<ImageStore> {
  const opened = await ImageStore.open({
    cacheDir: folder,
    registriesFile: join(folder, "registries.json"),
    onError: (error) => failures.push(error),
  });
  undo.defer(() => opened.close());
  return opened;
}

async function allow(registries: object): Promise<void> {
  await writeFile(join(folder, "registries.json"), JSON.stringify(registries));
}

/** Somebody in front of the registry; the reference leads there. */
async function front(interfere: Interference): Promise<FrontServer> {
  const server = undo.use(await FrontServer.start(registry.host, interfere));
  await allow({ [server.host]: OPEN, [registry.host]: OPEN });
  return server;
}

function pull(reference: string, more: Partial<PullOrder> = {}): Promise<HeldImage> {
  return store.pull({ reference, policy: "if-missing", ...more });
}

const blobs = async (): Promise<string[]> => (await readdir(join(folder, "oci", "blobs"))).toSorted();
const isBlob = ({ url = "" }: { readonly url?: string | undefined }, digest: string): boolean =>
  url.endsWith(`/blobs/${digest}`);
const digestsOf = (image: TestImage): string[] =>
  [digestOf(image.top), ...image.blobs.keys()].map((each) => each.slice(7)).toSorted();
const layerOf = (bytes: number): { image: TestImage; layer: Buffer; digest: string } => {
  const layer = randomBytes(bytes);
  return { image: testImage({ layers: [layer] }), layer, digest: digestOf(layer) };
};

describe("an image", () => {
  test("is here whole, byte by byte, with what its maker says of it", async () => {
    const image = testImage();
    await registry.push("team/app", "v1", image);
    const pulled = await pull(`${registry.host}/team/app:v1`);
    expect(pulled).toMatchObject({
      reference: `${registry.host}/team/app:v1`,
      digest: digestOf(image.top),
      platform: "linux/amd64",
    });
    expect(await blobs()).toEqual(digestsOf(image));
    for (const [digest, bytes] of image.blobs) {
      expect(await readFile(join(folder, "oci", "blobs", digest.slice(7)))).toEqual(bytes);
    }
    expect(await store.list()).toEqual([pulled]);
    const details = await store.inspect(`${registry.host}/team/app:v1`);
    expect(details.settings).toMatchObject({ cmd: ["/bin/sh"], env: ["PATH=/bin"], ports: ["80/tcp"] });
    expect(details.layers.map(({ sizeBytes }) => sizeBytes)).toEqual([64, 4096]);
  });

  test("of several platforms is this one's, also in a list of lists", async () => {
    const [ours, other] = [testImage(), testImage({ architecture: "arm64" })];
    const index = testIndex({ "linux/arm64": other, "linux/amd64": ours });
    await registry.push("many", "v1", index);
    expect((await pull(`${registry.host}/many:v1`)).digest).toBe(digestOf(ours.top));
    // Of what is for others nothing comes.
    expect(await blobs()).toEqual(digestsOf(ours));
    await expect(pull(`${registry.host}/many@${digestOf(other.top)}`)).rejects.toThrow(/arm64/);
  });

  test("pinned by digest is that one, whatever its tag says", async () => {
    const [first, second] = [testImage(), testImage()];
    await registry.push("pinned", "v1", first);
    await registry.push("pinned", "v1", second);
    const pinned = `${registry.host}/pinned:v1@${digestOf(first.top)}`;
    expect((await pull(pinned)).digest).toBe(digestOf(first.top));
    expect((await pull(`${registry.host}/pinned:v1`)).digest).toBe(digestOf(second.top));
  });

  test("with one layer twice has it once", async () => {
    const layer = randomBytes(1000);
    const image = testImage({ layers: [layer, layer] });
    await registry.push("twice", "v1", image);
    await pull(`${registry.host}/twice:v1`);
    expect((await store.inspect(`${registry.host}/twice:v1`)).layers).toHaveLength(2);
  });

  test("that is not there is not found, and leaves nothing", async () => {
    await expect(pull(`${registry.host}/nothing:v1`)).rejects.toMatchObject({ code: "not_found" });
    expect(await blobs()).toEqual([]);
    expect(await readdir(join(folder, "oci", "names"))).toEqual([]);
  });

  test("is brought once by many who want it at once", async () => {
    const { image, digest } = layerOf(LARGE);
    await registry.push("wanted", "v1", image);
    const server = await front(() => false);
    await Promise.all([1, 2, 3].map(() => pull(`${server.host}/wanted:v1`)));
    expect(server.asked.filter((line) => line.includes(digest))).toHaveLength(1);
  });
});

describe("policies", () => {
  test("if-missing asks nobody for what is here; always asks what the tag means; never asks nobody at all", async () => {
    const [first, second] = [testImage(), testImage()];
    await registry.push("moving", "v1", first);
    const server = await front(() => false);
    const reference = `${server.host}/moving:v1`;
    await expect(pull(reference, { policy: "never" })).rejects.toMatchObject({ code: "not_found" });
    expect(server.asked).toEqual([]);
    await pull(reference);
    await registry.push("moving", "v1", second);
    const before = server.asked.length;
    expect((await pull(reference)).digest).toBe(digestOf(first.top));
    expect((await pull(reference, { policy: "never" })).digest).toBe(digestOf(first.top));
    expect(server.asked).toHaveLength(before);
    expect((await pull(reference, { policy: "always" })).digest).toBe(digestOf(second.top));
    // What the name meant before is nobody's any more.
    expect(await blobs()).toEqual(digestsOf(second));
    const after = server.asked.length;
    await pull(reference, { policy: "always" });
    expect(server.asked.slice(after)).toEqual(["GET /v2/moving/manifests/v1"]);
  });

  test("if-missing brings what is lacking of an image that is here in part", async () => {
    const { image, digest } = layerOf(100);
    await registry.push("part", "v1", image);
    await pull(`${registry.host}/part:v1`);
    await rm(join(folder, "oci", "blobs", digest.slice(7)));
    await pull(`${registry.host}/part:v1`);
    expect(await blobs()).toEqual(digestsOf(image));
  });
});

describe("an image that goes while it is looked at", () => {
  test("is not found, by whatever part of it is missed first", async () => {
    const image = testImage();
    await registry.push("going", "v1", image);
    const reference = `${registry.host}/going:v1`;
    const { digest } = await pull(reference);
    const gone = { code: "not_found" };
    const details = await store.inspect(reference);
    const layers = details.layers.map((layer) => layer.digest);
    const config = [...image.blobs.keys()].find((each) => !layers.includes(each)) ?? "";
    await rm(join(folder, "oci", "blobs", config.slice(7)));
    await expect(store.inspect(reference)).rejects.toMatchObject(gone);
    await rm(join(folder, "oci", "blobs", digest.slice(7)));
    await expect(store.inspect(reference)).rejects.toMatchObject(gone);
    await expect(store.settingsOf(digest)).rejects.toMatchObject(gone);
    await expect(store.save(reference)).rejects.toMatchObject(gone);
  });
});

describe("what no name leads to", () => {
  test("is let be while a manifest cannot be read, which is not to say that it is gone", async () => {
    const [kept, other] = [testImage(), testImage()];
    await registry.push("kept", "v1", kept);
    await registry.push("other", "v1", other);
    for (const name of ["kept", "other"]) await pull(`${registry.host}/${name}:v1`);
    const manifest = join(folder, "oci", "blobs", digestOf(kept.top).slice(7));
    // As with too many open files: an error, and not that there is none.
    await rm(manifest);
    await mkdir(manifest);
    await store.remove(`${registry.host}/other:v1`);
    for (const digest of digestsOf(kept)) expect(await blobs()).toContain(digest);
    expect(failures).toMatchObject([{ code: "EISDIR" }]);
    await rmdir(manifest);
    await writeFile(manifest, kept.top);
    await store.remove(`${registry.host}/kept:v1`);
    expect(await blobs()).toEqual([]);
  });
});

describe("a login", () => {
  test("by user name and password is asked for, and shown to nobody else", async () => {
    await using closed = await TestRegistry.start({ isClosed: true });
    await closed.push("private", "v1", testImage());
    await allow({ [closed.host]: OPEN });
    const reference = `${closed.host}/private:v1`;
    await expect(pull(reference)).rejects.toMatchObject({ code: "registry_denied" });
    await expect(
      pull(reference, { credentials: { ...CREDENTIALS, password: "wrong" } }),
    ).rejects.toMatchObject({ code: "registry_denied" });
    await expect(pull(reference, { credentials: CREDENTIALS })).resolves.toBeDefined();
    // Nothing of it is anywhere on the disk.
    for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile())
        expect(await readFile(join(file.parentPath, file.name), "utf8")).not.toContain(PASSWORD);
    }
  });

  test("by token is one for this repository alone, and the password goes to the server of tokens only", async () => {
    const scopes: string[] = [];
    const tokens = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://x");
      scopes.push(`${url.searchParams.get("service")} ${url.searchParams.get("scope")}`);
      const isKnown = request.headers.authorization === `Basic ${btoa(`${USER}:${PASSWORD}`)}`;
      response.writeHead(isKnown ? 200 : 401).end(isKnown ? JSON.stringify({ token: "a-token" }) : "");
    }).listen(0, "127.0.0.1");
    await once(tokens, "listening");
    undo.defer(() => void tokens.close());
    const realm = `127.0.0.1:${(tokens.address() as AddressInfo).port}`;
    await registry.push("private", "v1", testImage());
    const server = await front((request, response) => {
      if (request.headers.authorization === "Bearer a-token") return false;
      response
        .writeHead(401, {
          "www-authenticate": `Bearer realm="http://${realm}/token",service="us",scope="registry:catalog:*"`,
        })
        .end();
      return true;
    });
    await allow({ [server.host]: OPEN, [realm]: OPEN });
    await expect(pull(`${server.host}/private:v1`)).rejects.toMatchObject({ code: "registry_denied" });
    await pull(`${server.host}/private:v1`, { credentials: CREDENTIALS });
    expect(new Set(scopes)).toEqual(new Set(["us repository:private:pull"]));
    expect(server.credentials).toEqual(new Set(["Bearer a-token"]));
    await allow({ [server.host]: OPEN, [realm]: { insecure: true } });
    await expect(
      pull(`${server.host}/private:v1`, { policy: "always", credentials: CREDENTIALS }),
    ).rejects.toMatchObject({ code: "registry_guarded" });
  });
});

describe("TLS", () => {
  test("is by an authority that the operator named, or by one that everybody knows", async () => {
    await using secure = await TestRegistry.start({ hasTls: true });
    await secure.push("app", "v1", testImage());
    await allow({ [secure.host]: { guarded: true } });
    await expect(pull(`${secure.host}/app:v1`)).rejects.toMatchObject({ code: "registry_unreachable" });
    await allow({ [secure.host]: { guarded: true, caFile: secure.caFile } });
    await expect(pull(`${secure.host}/app:v1`)).resolves.toBeDefined();
  }, 60_000);

  test("is not done without unless the operator says so, and a redirection does not change that", async () => {
    await registry.push("plain", "v1", testImage());
    await allow({ [registry.host]: { guarded: true } });
    await expect(pull(`${registry.host}/plain:v1`)).rejects.toMatchObject({ code: "registry_unreachable" });
    const server = await front((_request, response) => {
      response.writeHead(307, { location: `http://${registry.host}/v2/plain/manifests/v1` }).end();
      return true;
    });
    await allow({ [server.host]: OPEN, [registry.host]: { guarded: true } });
    await expect(pull(`${server.host}/plain:v1`)).rejects.toThrow(/without TLS/);
  });
});

describe("guarded networks", () => {
  const CLEARTEXT = { insecure: true };

  test("are not reached by address, by name, by a redirection or by a mirror", async () => {
    await registry.push("inside", "v1", testImage());
    const { port } = new URL(`http://${registry.host}`);
    const byName = `localhost:${port}`;
    const server = await front((_request, response) => {
      response.writeHead(302, { location: `http://${registry.host}/v2/inside/manifests/v1` }).end();
      return true;
    });
    const asked = vi.fn<() => void>();
    const silent = undo.use(
      await FrontServer.start(registry.host, () => {
        asked();
        return false;
      }),
    );
    await allow({
      [registry.host]: CLEARTEXT,
      [byName]: CLEARTEXT,
      [server.host]: OPEN,
      [silent.host]: CLEARTEXT,
      "mirrored.example": { mirrors: [`http://${silent.host}`] },
      // In other words the same.
      [`[::ffff:7f00:1]:${port}`]: CLEARTEXT,
    });
    for (const host of [registry.host, byName, server.host, silent.host, `[::ffff:7f00:1]:${port}`]) {
      await expect(pull(`${host}/inside:v1`)).rejects.toMatchObject({ code: "registry_guarded" });
    }
    await expect(pull("169.254.169.254/latest/meta-data:v1")).rejects.toMatchObject({
      code: "registry_guarded",
    });
    // Its mirror is guarded and it is not there itself.
    await expect(pull("mirrored.example/inside:v1")).rejects.toThrow();
    expect(asked).not.toHaveBeenCalled();
    expect(await blobs()).toEqual([]);
  }, 60_000);
});

describe("mirrors", () => {
  test("are asked first, are shown no password, and when they fail the registry is asked", async () => {
    await using closed = await TestRegistry.start({ isClosed: true });
    await closed.push("app", "v1", testImage());
    const broken = undo.use(
      await FrontServer.start(registry.host, (_request, response) => Boolean(response.writeHead(404).end())),
    );
    await allow({ [closed.host]: { ...OPEN, mirrors: [`http://${broken.host}`] }, [broken.host]: OPEN });
    await pull(`${closed.host}/app:v1`, { credentials: CREDENTIALS });
    expect(broken.asked[0]).toBe("GET /v2/app/manifests/v1");
    expect(broken.credentials).toEqual(new Set());
  });

  test("that have it serve it", async () => {
    await registry.push("mirrored", "v1", testImage());
    await allow({ "registry.example": { mirrors: [`http://${registry.host}`] }, [registry.host]: OPEN });
    expect((await pull("registry.example/mirrored:v1")).reference).toBe("registry.example/mirrored:v1");
  });
});

describe("a transfer", () => {
  test("that breaks off goes on where it was, as often as it takes", async () => {
    const { image, layer, digest } = layerOf(LARGE);
    await registry.push("broken", "v1", image);
    const server = await front(async (request, response, passOn) => {
      if (!isBlob(request, digest)) return false;
      const { status, headers, body } = await passOn();
      response.writeHead(status, headers);
      // A third of it each time, and then nothing.
      await new Promise<void>((resolve) => response.write(body.subarray(0, 1_000_000), () => resolve()));
      if (body.length <= 1_000_000) response.end();
      else response.destroy();
      return true;
    });
    await pull(`${server.host}/broken:v1`);
    const ranges = server.asked
      .filter((line) => line.includes(digest))
      .map((line) => /bytes=(\d+)-/.exec(line)?.[1]);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.length).toBeGreaterThan(2);
    expect(ranges.slice(1).map(Number)).toEqual(
      ranges
        .slice(1)
        .map(Number)
        .toSorted((a, b) => a - b),
    );
    expect(await readFile(join(folder, "oci", "blobs", digest.slice(7)))).toEqual(layer);
  }, 60_000);

  test("whose daemon ended goes on in the next one", async () => {
    const { image, digest } = layerOf(LARGE);
    await registry.push("later", "v1", image);
    let isDown = true;
    const server = await front(async (request, response, passOn) => {
      if (!isDown || !isBlob(request, digest)) return false;
      const { status, headers, body } = await passOn();
      response.writeHead(status, headers).write(body.subarray(0, 1_000_000));
      return true;
    });
    const pulling = pull(`${server.host}/later:v1`);
    pulling.catch(() => undefined);
    const part = async (): Promise<number> => {
      const name = (await blobs()).find((each) => each.startsWith(`${digest.slice(7)}-`)) ?? "";
      return (await readFile(join(folder, "oci", "blobs", name))).length;
    };
    await vi.waitFor(async () => expect(await part()).toBe(1_000_000), { timeout: 30_000 });
    await store.close();
    await expect(pulling).rejects.toMatchObject({ code: "registry_unreachable" });
    isDown = false;
    store = await open();
    await pull(`${server.host}/later:v1`);
    expect(server.asked.at(-1)).toBe(`GET /v2/later/blobs/${digest} bytes=1000000-`);
    expect(await blobs()).toEqual(digestsOf(image));
  }, 60_000);

  test("from one that knows no ranges begins anew", async () => {
    const { image, digest } = layerOf(LARGE);
    await registry.push("simple", "v1", image);
    let times = 0;
    const server = await front(async (request, response, passOn) => {
      if (!isBlob(request, digest)) return false;
      delete request.headers.range;
      const { headers, body } = await passOn();
      response.writeHead(200, headers);
      if (times++ > 0) response.end(body);
      else response.write(body.subarray(0, 1000), () => response.destroy());
      return true;
    });
    await pull(`${server.host}/simple:v1`);
    expect(times).toBe(2);
    expect(await blobs()).toEqual(digestsOf(image));
  });

  test("that is refused with 429 waits as long as it was told, and tells when that is too long", async () => {
    await registry.push("busy", "v1", testImage());
    const times: number[] = [];
    const server = await front((_request, response) => {
      times.push(performance.now());
      if (times.length > 1) return false;
      response.writeHead(429, { "retry-after": "2" }).end();
      return true;
    });
    await pull(`${server.host}/busy:v1`);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1900);
    const closed = await front((_request, response) =>
      Boolean(response.writeHead(429, { "retry-after": "3600" }).end()),
    );
    await expect(pull(`${closed.host}/busy:v1`)).rejects.toMatchObject({ code: "registry_unreachable" });
    expect(closed.asked).toHaveLength(1);
  });

  test("ends with its caller, at once", async () => {
    const { image, digest } = layerOf(LARGE);
    await registry.push("slow", "v1", image);
    const server = await front((request) => isBlob(request, digest));
    const caller = new AbortController();
    const pulling = store.pull(
      { reference: `${server.host}/slow:v1`, policy: "always" },
      { signal: caller.signal },
    );
    pulling.catch(() => undefined);
    await vi.waitFor(() => expect(server.asked.at(-1)).toContain(digest), { timeout: 30_000 });
    caller.abort(new Error("enough"));
    await expect(pulling).rejects.toThrow("enough");
  });
});

describe("what is not what it says", () => {
  test("is refused and not kept: a layer of another digest, a manifest, a size", async () => {
    const { image, layer, digest } = layerOf(1000);
    await registry.push("lies", "v1", image);
    const other = randomBytes(1000);
    const instead = async (content: Buffer): Promise<string> => {
      const server = await front((request, response) => {
        if (!isBlob(request, digest)) return false;
        response.writeHead(200).end(content);
        return true;
      });
      return `${server.host}/lies:v1`;
    };
    await expect(pull(await instead(other))).rejects.toThrow(digestOf(other));
    await expect(pull(await instead(Buffer.concat([layer, Buffer.alloc(1)])))).rejects.toMatchObject({
      code: "image_invalid",
    });
    const rotten = await front((request, response) => {
      if (request.url?.includes("manifests") !== true) return false;
      response.writeHead(200).end(Buffer.concat([image.top, Buffer.from("\n")]));
      return true;
    });
    await expect(pull(`${rotten.host}/lies@${digestOf(image.top)}`)).rejects.toMatchObject({
      code: "image_invalid",
    });
    expect(await blobs()).toEqual([]);
    await expect(pull(`${registry.host}/lies:v1`)).resolves.toBeDefined();
  });

  test("a manifest without an end is read no further than its bound", async () => {
    let sent = 0;
    const server = await front((request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 32))) sent += 65_536;
        response.once("drain", more);
      };
      more();
      request.once("close", () => response.destroy());
      return true;
    });
    await expect(pull(`${server.host}/endless:v1`)).rejects.toMatchObject({ code: "image_invalid" });
    expect(sent).toBeLessThan(64 * 1024 ** 2);
  });

  test("a registry that leads in circles is left", async () => {
    const server = await front((request, response) =>
      Boolean(response.writeHead(302, { location: request.url }).end()),
    );
    await expect(pull(`${server.host}/circle:v1`)).rejects.toMatchObject({ code: "registry_unreachable" });
  }, 60_000);
});

test("a file of registries that cannot be read stops pulls, and says why", async () => {
  for (const [content, reason] of [
    ["{", /no JSON/],
    ['{"r.example": {"insecur": true}}', /insecur/],
    ['{"r.example": {"mirrors": ["ftp://x"]}}', /mirrors/],
    ['{"r.example": {"caFile": "/nowhere"}}', /nowhere/],
  ] as const) {
    await writeFile(join(folder, "registries.json"), content);
    await expect(pull("r.example/app")).rejects.toThrow(reason);
  }
});
