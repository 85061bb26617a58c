/** An image that is here: its manifest and configuration, read back from the blobs. */
import { readFile } from "node:fs/promises";
import { FastvmError } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";
import type { BlobStore } from "./blobs/blob-store.ts";
import { invalidImage } from "./invalid-image.ts";
import { readManifest, type Manifest } from "./manifest/manifest.ts";

/** A manifest or a configuration. Whoever does not hold the image may see it go between a look at its name and this one. */
export async function readHeld(blobs: BlobStore, digest: string): Promise<Buffer> {
  try {
    return await readFile(blobs.pathOf(digest));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new FastvmError("not_found", `${digest} is not here any more`, { cause: error });
  }
}

/** By the digest of its manifest. */
export async function heldManifest(blobs: BlobStore, digest: string): Promise<Manifest> {
  const manifest = readManifest(await readHeld(blobs, digest));
  if (manifest.kind === "index") throw invalidImage(`${digest} is no image, but a list of such`);
  return manifest;
}

/** `undefined` when it is not here, or is none. Whatever else keeps it from being read may pass, and is told. */
export async function manifestIfHere(blobs: BlobStore, digest: string): Promise<Manifest | undefined> {
  try {
    return await heldManifest(blobs, digest);
  } catch (error) {
    if (error instanceof FastvmError && ["not_found", "image_invalid"].includes(error.code)) return undefined;
    throw error;
  }
}

/** A manifest may lie about what is here already: nobody is to read a layer for a configuration. */
export async function requireSizes(blobs: BlobStore, { config, layers }: Manifest): Promise<void> {
  for (const { digest, size } of [config, ...layers]) await requireSize(blobs, digest, size);
}

export async function requireSize(blobs: BlobStore, digest: string, size: number): Promise<void> {
  const found = await blobs.sizeOf(digest);
  if (found !== undefined && found !== size)
    throw invalidImage(`${digest} has ${found} bytes, and not the ${size} that the manifest says`);
}

/** What the image needs, its manifest among it. */
export function digestsOf(manifestDigest: string, { config, layers }: Manifest): readonly string[] {
  return [manifestDigest, config.digest, ...layers.map(({ digest }) => digest)];
}

export async function isWhole(blobs: BlobStore, digest: string): Promise<boolean> {
  const manifest = await manifestIfHere(blobs, digest);
  if (manifest === undefined) return false;
  for (const each of digestsOf(digest, manifest)) if (!(await blobs.has(each))) return false;
  return true;
}
