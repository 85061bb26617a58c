/** What strangers write into manifests and configurations. */
import { describe, expect, test } from "vitest";
import { readImageConfig } from "./image-config.ts";
import { readManifest } from "./manifest.ts";
import { choosePlatform } from "./platform.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const LAYER = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: DIGEST, size: 10 };
const CONFIG = { mediaType: "application/vnd.oci.image.config.v1+json", digest: DIGEST, size: 10 };
const json = (content: unknown): Buffer => Buffer.from(JSON.stringify(content));

test("an image's layers and configuration are read, in Docker's words as in OCI's", () => {
  const docker = { ...LAYER, mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" };
  expect(readManifest(json({ schemaVersion: 2, config: CONFIG, layers: [LAYER, docker] }))).toEqual({
    kind: "image",
    config: CONFIG,
    layers: [LAYER, docker],
  });
});

test.each([
  ["no JSON", Buffer.from("{")],
  ["no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ["a list", json([])],
  ["nothing in it", json({})],
  ["Docker's first version", json({ schemaVersion: 1, fsLayers: [] })],
  ["no configuration", json({ layers: [LAYER] })],
  ["layers that are no list", json({ config: CONFIG, layers: {} })],
  ["a layer without a digest", json({ config: CONFIG, layers: [{ ...LAYER, digest: "sha256:../../etc" }] })],
  ["a layer of a negative size", json({ config: CONFIG, layers: [{ ...LAYER, size: -1 }] })],
  ["a layer of half a byte", json({ config: CONFIG, layers: [{ ...LAYER, size: 0.5 }] })],
  [
    "a layer of an unheard-of kind",
    json({ config: CONFIG, layers: [{ ...LAYER, mediaType: "text/plain" }] }),
  ],
  ["a layer of 17 GiB", json({ config: CONFIG, layers: [{ ...LAYER, size: 17 * 1024 ** 3 }] })],
  [
    "two layers of 9 GiB",
    json({ config: CONFIG, layers: [0, 1].map(() => ({ ...LAYER, size: 9 * 1024 ** 3 })) }),
  ],
  ["a thousand layers", json({ config: CONFIG, layers: Array.from({ length: 1000 }, () => LAYER) })],
  ["a configuration of 50 MiB", json({ config: { ...CONFIG, size: 50 * 1024 ** 2 }, layers: [] })],
])("a manifest with %s is refused", (_what, bytes) => {
  expect(() => readManifest(bytes)).toThrow(expect.objectContaining({ code: "image_invalid" }));
});

describe("of an index", () => {
  const entry = (os: string, architecture: string, variant = "") => ({ os, architecture, variant });

  test("this platform's image is chosen, by the best variant that every guest can run", () => {
    const best = entry("linux", "amd64", "v2");
    const plain = entry("linux", "amd64");
    expect(choosePlatform([entry("linux", "arm64"), plain, entry("linux", "amd64", "v3"), best])).toBe(best);
    expect(choosePlatform([entry("windows", "amd64"), plain])).toBe(plain);
  });

  test("without one it says what there is", () => {
    const others = [entry("linux", "arm64", "v8"), entry("linux", "s390x")];
    expect(() => choosePlatform(others)).toThrow("linux/arm64/v8, linux/s390x");
    expect(() => choosePlatform([])).toThrow("nothing");
  });

  test("signatures and the like are no images", () => {
    const image = { ...LAYER, mediaType: "application/vnd.oci.image.manifest.v1+json" };
    const other = { ...LAYER, mediaType: "application/vnd.example.signature" };
    const index = readManifest(json({ schemaVersion: 2, manifests: [other, image] }));
    expect(index).toMatchObject({ kind: "index", entries: [{ mediaType: image.mediaType }] });
  });
});

describe("a configuration", () => {
  const config = { os: "linux", architecture: "amd64", rootfs: { diff_ids: [DIGEST] } };

  test("tells what the maker says, with Docker's defaults", () => {
    const said = {
      User: "1000:1000",
      WorkingDir: "/app",
      Cmd: null,
      ExposedPorts: { "80/tcp": {} },
      Labels: { a: "b" },
    };
    expect(readImageConfig(json({ ...config, config: said }), 1)).toEqual({
      settings: {
        entrypoint: [],
        cmd: [],
        env: [],
        workdir: "/app",
        user: "1000:1000",
        ports: ["80/tcp"],
        labels: { a: "b" },
        stopSignal: "SIGTERM",
      },
      diffIds: [DIGEST],
    });
    expect(readImageConfig(json(config), 1).settings.cmd).toEqual([]);
  });

  test.each([
    ["another processor", { ...config, architecture: "arm64" }],
    ["another system", { ...config, os: "windows" }],
    ["fewer layers than the manifest", { ...config, rootfs: { diff_ids: [] } }],
    ["digests that are none", { ...config, rootfs: { diff_ids: ["sha256:x"] } }],
    ["no layers at all", { os: "linux", architecture: "amd64" }],
    ["an environment that is no list", { ...config, config: { Env: "PATH=/bin" } }],
    ["labels that are no text", { ...config, config: { Labels: { a: 1 } } }],
  ])("of %s is refused", (_what, content) => {
    expect(() => readImageConfig(json(content), 1)).toThrow(
      expect.objectContaining({ code: "image_invalid" }),
    );
  });
});
