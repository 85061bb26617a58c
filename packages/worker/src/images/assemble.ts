/** An image of one layer that nobody gave a manifest. */
import { Readable } from "node:stream";
import type { HeldImage, ImageOwner } from "@fastvm/contract";
import { describeImage, makeManifest } from "./archive/load.ts";
import type { BlobStore } from "./blobs/blob-store.ts";
import { PLATFORM } from "./manifest/platform.ts";

/** `layer`: a tar. */
export async function assembleImage(
  blobs: BlobStore,
  { owner, name }: { readonly owner: ImageOwner; readonly name: string },
  layer: AsyncIterable<Uint8Array>,
): Promise<HeldImage> {
  const added = await blobs.add(layer);
  const [os, architecture] = PLATFORM.split("/");
  const config = { os, architecture, config: {}, rootfs: { type: "layers", diff_ids: [added.digest] } };
  const described = await blobs.add(Readable.from([Buffer.from(JSON.stringify(config))]));
  const digest = await makeManifest(blobs, described, [added]);
  const given = new Set([digest, described.digest, added.digest]);
  return { owner, ...(await describeImage(blobs, given, digest, name)) };
}
