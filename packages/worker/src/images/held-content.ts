/** An image that is here: its manifest and configuration, read back from the blobs. */
import { readFile } from "node:fs/promises";
import type { BlobStore } from "./blobs/blob-store.ts";
import { invalidImage } from "./invalid-image.ts";
import { readManifest, type Manifest } from "./manifest/manifest.ts";

/** By the digest of its manifest. */
export async function heldManifest(blobs: BlobStore, digest: string): Promise<Manifest> {
  const manifest = readManifest(await readFile(blobs.pathOf(digest)));
  if (manifest.kind === "index") throw invalidImage(`${digest} is no image, but a list of such`);
  return manifest;
}

/** What the image needs, its manifest among it. */
export function digestsOf(manifestDigest: string, { config, layers }: Manifest): readonly string[] {
  return [manifestDigest, config.digest, ...layers.map(({ digest }) => digest)];
}

export async function isWhole(blobs: BlobStore, digest: string): Promise<boolean> {
  if (!(await blobs.has(digest))) return false;
  const needed = digestsOf(digest, await heldManifest(blobs, digest));
  for (const each of needed) if (!(await blobs.has(each))) return false;
  return true;
}
