/**
 * What images of registries take of the disk, each with its blobs, and how the longest unused is taken away: its names go, whoever's they
 * are, and with them what no other name leads to. The time of use is that of the manifest's file.
 */
import { lstat, utimes } from "node:fs/promises";
import type { HeldImage } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";
import type { BlobStore } from "./blobs/blob-store.ts";
import { digestsOf, manifestIfHere } from "./held-content.ts";
import type { ImageNames } from "./image-names.ts";

export interface ShelvedImage {
  /** Of its manifest. */
  readonly digest: string;
  /** When it was pulled or launched last. */
  readonly lastUseMs: number;
  /** Whether all that its names lead to can be pulled again. */
  readonly isPulled: boolean;
  /** Allocated bytes by file: images share layers. */
  readonly files: ReadonlyMap<string, number>;
}

/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;

/** Those with a name; blobs without one go by themselves. */
export async function shelvedImages(blobs: BlobStore, names: ImageNames): Promise<readonly ShelvedImage[]> {
  const all = await names.list();
  const digests = [...new Set(all.map(({ digest }) => digest))];
  const shelved = await Promise.all(digests.map((digest) => shelve(blobs, all, digest)));
  return shelved.filter((image) => image !== undefined);
}

/** `undefined` when it has gone. */
export async function shelvedImage(
  blobs: BlobStore,
  names: ImageNames,
  digest: string,
): Promise<ShelvedImage | undefined> {
  return await shelve(blobs, await names.list(), digest);
}

async function shelve(
  blobs: BlobStore,
  all: readonly HeldImage[],
  digest: string,
): Promise<ShelvedImage | undefined> {
  const manifest = await manifestIfHere(blobs, digest);
  const top = await statIfThere(blobs.pathOf(digest));
  if (manifest === undefined || top === undefined) return undefined;
  const files = new Map<string, number>();
  for (const each of digestsOf(digest, manifest)) {
    const found = await statIfThere(blobs.pathOf(each));
    if (found !== undefined) files.set(`${found.dev}:${found.ino}`, found.blocks * STAT_BLOCK_BYTES);
  }
  const isPulled = all.every((image) => image.digest !== digest || image.isPulled === true);
  return { digest, lastUseMs: top.mtimeMs, isPulled, files };
}

export async function markUsed(blobs: BlobStore, digest: string): Promise<void> {
  const now = new Date();
  await utimes(blobs.pathOf(digest), now, now).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
}

async function statIfThere(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
