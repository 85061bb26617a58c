/** Images out of an archive: an OCI layout if it is one, which keeps digests as they were; else what `docker save` wrote. */
import { open, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { formatReference, parseReference } from "@fastvm/contract";
import type { HeldImage, ImageOwner } from "@fastvm/contract";
import type { BlobStore } from "../blobs/blob-store.ts";
import { isWhole, requireSizes } from "../held-content.ts";
import { MAX_MANIFEST_BYTES } from "../image-limits.ts";
import { invalidImage } from "../invalid-image.ts";
import { readImageConfig } from "../manifest/image-config.ts";
import { readManifest, sizeOf, type IndexEntry, type Manifest } from "../manifest/manifest.ts";
import { layerType, OCI_CONFIG, OCI_MANIFEST_TYPE } from "../manifest/media-types.ts";
import { choosePlatform, PLATFORM } from "../manifest/platform.ts";
import { asList, asObject, asStrings, asText } from "../manifest/read-json.ts";
import type { ArchivedFiles } from "./read-archive.ts";

const OCI_INDEX_FILE = "index.json";
const DOCKER_MANIFEST_FILE = "manifest.json";
/** Where programs write the whole name, before where OCI wants it, which for some is the tag alone. */
const NAME_ANNOTATIONS = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
const MAX_INDEX_DEPTH = 3;
const GZIP_MAGIC = "1f8b";
const ZSTD_MAGIC = "28b52ffd";

/** One without a name can only be had by one that it is given. */
interface FoundImage {
  readonly digest: string;
  readonly names: readonly string[];
}

interface LoadedFor {
  readonly name: string | undefined;
  readonly owner: ImageOwner;
  /** Of blobs that the owner has already: an archive may leave these out, and no others, as a digest alone is no proof. */
  readonly had: ReadonlySet<string>;
}

/** All that they need is among the blobs already. */
export async function imagesOf(
  blobs: BlobStore,
  files: ArchivedFiles,
  { name, owner, had }: LoadedFor,
): Promise<readonly HeldImage[]> {
  const given = new Set([...had, ...[...files.values()].map(({ digest }) => digest)]);
  const found = files.has(OCI_INDEX_FILE)
    ? await ofLayout(blobs, files, given)
    : await ofDocker(blobs, files);
  if (found.length === 0) throw invalidImage("the archive has no image");
  if (name !== undefined && found.length > 1)
    throw invalidImage(`the archive has ${found.length} images, and one name is given`);
  const held: HeldImage[] = [];
  for (const { digest, names } of found) {
    const wanted = name === undefined ? names : [name];
    if (wanted.length === 0) throw invalidImage("the archive does not name its image; give it a name");
    for (const each of wanted) held.push({ owner, ...(await describeImage(blobs, given, digest, each)) });
  }
  return held;
}

/** By the digest of its manifest; rejects when a part of it is not here, or not `given`. */
export async function describeImage(
  blobs: BlobStore,
  given: ReadonlySet<string>,
  digest: string,
  name: string,
): Promise<Omit<HeldImage, "owner">> {
  const manifest = asImage(readManifest(await readFile(blobs.pathOf(digest))));
  const parts = [manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
  if (!parts.every((part) => given.has(part)) || !(await isWhole(blobs, digest)))
    throw invalidImage(`the archive lacks a part of ${name}`);
  await requireSizes(blobs, manifest);
  readImageConfig(await readFile(blobs.pathOf(manifest.config.digest)), manifest.layers.length);
  return {
    reference: formatReference(parseReference(name)),
    digest,
    platform: PLATFORM,
    sizeBytes: sizeOf(manifest),
    pulledAtMs: Date.now(),
  };
}

async function ofLayout(
  blobs: BlobStore,
  files: ArchivedFiles,
  given: ReadonlySet<string>,
): Promise<readonly FoundImage[]> {
  const index = readManifest(await readSmall(blobs, files, OCI_INDEX_FILE));
  if (index.kind === "image") throw invalidImage(`${OCI_INDEX_FILE} lists no images`);
  const found: FoundImage[] = [];
  for (const entry of index.entries) {
    const digest = await imageBehind(blobs, given, entry.digest);
    const known = found.findIndex((each) => each.digest === digest);
    const names = [...new Set([...(found[known]?.names ?? []), ...nameOf(entry)])];
    if (known === -1) found.push({ digest, names });
    else found[known] = { digest, names };
  }
  return found;
}

/** Follows an index to the image for this platform. */
async function imageBehind(blobs: BlobStore, given: ReadonlySet<string>, digest: string): Promise<string> {
  let next = digest;
  for (let depth = 0; depth < MAX_INDEX_DEPTH; depth++) {
    const size = given.has(next) ? await blobs.sizeOf(next) : undefined;
    if (size === undefined) throw invalidImage(`the archive lacks ${next}`);
    if (size > MAX_MANIFEST_BYTES)
      throw invalidImage(`the manifest has more than ${MAX_MANIFEST_BYTES} bytes`);
    const manifest = readManifest(await readFile(blobs.pathOf(next)));
    if (manifest.kind === "image") return next;
    next = choosePlatform(manifest.entries).digest;
  }
  throw invalidImage("it is a list in a list of lists");
}

function nameOf({ annotations }: IndexEntry): readonly string[] {
  for (const key of NAME_ANNOTATIONS) {
    const name = annotations[key];
    // A tag alone would be taken for an image of that name.
    if (typeof name === "string" && /[/:]/.test(name)) return [name];
  }
  return [];
}

async function ofDocker(blobs: BlobStore, files: ArchivedFiles): Promise<readonly FoundImage[]> {
  const text = await readSmall(blobs, files, DOCKER_MANIFEST_FILE);
  let list: unknown;
  try {
    list = JSON.parse(text.toString());
  } catch (error) {
    throw invalidImage(`${DOCKER_MANIFEST_FILE} is no JSON`, error);
  }
  const found: FoundImage[] = [];
  for (const each of asList(list, DOCKER_MANIFEST_FILE)) {
    const { Config, Layers, RepoTags } = asObject(each, DOCKER_MANIFEST_FILE);
    const config = fileOf(files, asText(Config, "Config"));
    const layers = asStrings(Layers, "Layers").map((path) => fileOf(files, path));
    found.push({
      digest: await makeManifest(blobs, config, layers),
      names: asStrings(RepoTags, "RepoTags"),
    });
  }
  return found;
}

/** Docker's archives have none. */
export async function makeManifest(
  blobs: BlobStore,
  config: { readonly digest: string; readonly bytes: number },
  layers: readonly { readonly digest: string; readonly bytes: number }[],
): Promise<string> {
  const described = await Promise.all(
    layers.map(async ({ digest, bytes }) => ({
      mediaType: layerType(await compressionOf(blobs.pathOf(digest))),
      digest,
      size: bytes,
    })),
  );
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST_TYPE,
    config: { mediaType: OCI_CONFIG, digest: config.digest, size: config.bytes },
    layers: described,
  });
  const { digest } = await blobs.add(Readable.from([Buffer.from(manifest)]));
  return digest;
}

async function compressionOf(path: string): Promise<"none" | "gzip" | "zstd"> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  const magic = buffer.subarray(0, bytesRead).toString("hex");
  if (magic.startsWith(GZIP_MAGIC)) return "gzip";
  return magic === ZSTD_MAGIC ? "zstd" : "none";
}

function fileOf(files: ArchivedFiles, path: string): { readonly digest: string; readonly bytes: number } {
  const file = files.get(path);
  if (file === undefined) throw invalidImage(`the archive lacks ${path}`);
  return file;
}

async function readSmall(blobs: BlobStore, files: ArchivedFiles, path: string): Promise<Buffer> {
  const { digest, bytes } = fileOf(files, path);
  if (bytes > MAX_MANIFEST_BYTES) throw invalidImage(`${path} has more than ${MAX_MANIFEST_BYTES} bytes`);
  return await readFile(blobs.pathOf(digest));
}

function asImage(manifest: ReturnType<typeof readManifest>): Manifest {
  if (manifest.kind === "image") return manifest;
  throw invalidImage("it is a list of images");
}
