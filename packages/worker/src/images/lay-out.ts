/** An image that is here as others take it: as a folder in the form that containers' tools call `dir`, or layer by layer. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { linkOrCopy } from "../files/copy.ts";
import type { BlobStore } from "./blobs/blob-store.ts";
import { hexOf } from "./digest.ts";
import { digestsOf, heldManifest } from "./held-content.ts";
import { readImageConfig } from "./manifest/image-config.ts";
import type { Descriptor } from "./manifest/manifest.ts";

/** As its registry has it. */
export type BaseLayer = Descriptor;

const VERSION = "Directory Transport Version: 1.1\n";

/** Links of what is kept; `folder` must not exist. */
export async function layOut(blobs: BlobStore, digest: string, folder: string): Promise<void> {
  const manifest = await heldManifest(blobs, digest);
  await mkdir(folder);
  await writeFile(join(folder, "version"), VERSION);
  const [, ...content] = digestsOf(digest, manifest);
  await linkOrCopy(blobs.pathOf(digest), join(folder, "manifest.json"));
  for (const each of new Set(content)) await linkOrCopy(blobs.pathOf(each), join(folder, hexOf(each)));
}

/** By the digests of what is in them without compression. */
export async function layersByContent(
  blobs: BlobStore,
  digest: string,
): Promise<Readonly<Record<string, BaseLayer>>> {
  const { config, layers } = await heldManifest(blobs, digest);
  const { diffIds } = readImageConfig(await readFile(blobs.pathOf(config.digest)), layers.length);
  const pairs = diffIds.flatMap((diffId, at) => {
    const layer = layers[at];
    return layer === undefined ? [] : [[diffId, layer] as const];
  });
  return Object.fromEntries(pairs);
}
