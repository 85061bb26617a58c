/** An image as a tar that is an OCI layout and what `docker load` reads, as Docker itself writes it since its version 25. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PassThrough } from "node:stream";
import { pack, type Pack } from "tar-stream";
import { parseReference } from "@fastvm/contract";
import type { HeldImage } from "@fastvm/contract";
import type { BlobStore } from "../blobs/blob-store.ts";
import { hexOf } from "../digest.ts";
import { digestsOf, heldManifest, readHeld } from "../held-content.ts";
import { invalidImage } from "../invalid-image.ts";
import { OCI_INDEX_TYPE, OCI_MANIFEST_TYPE } from "../manifest/media-types.ts";
import { readJsonObject } from "../manifest/read-json.ts";

/** Two archives of one image are the same. */
const EPOCH = new Date(0);
/** Some programs look for it and make nothing else of it. */
const LAYOUT_FILE = { imageLayoutVersion: "1.0.0" };

/** Reads blobs while it is read; a failure on the way ends the stream with an error. */
export async function saveImage(blobs: BlobStore, image: HeldImage): Promise<Readable> {
  const { config, layers } = await heldManifest(blobs, image.digest);
  const bytes = await readHeld(blobs, image.digest);
  const mediaType = readJsonObject(bytes, "the manifest")["mediaType"] ?? OCI_MANIFEST_TYPE;
  const { tag } = parseReference(image.reference);
  const archive = pack();
  const write = async (): Promise<void> => {
    await addJson(archive, "oci-layout", LAYOUT_FILE);
    await addJson(archive, "index.json", {
      schemaVersion: 2,
      mediaType: OCI_INDEX_TYPE,
      manifests: [
        {
          mediaType,
          digest: image.digest,
          size: bytes.length,
          annotations: {
            "io.containerd.image.name": image.reference,
            ...(tag === undefined ? {} : { "org.opencontainers.image.ref.name": tag }),
          },
        },
      ],
    });
    await addJson(archive, "manifest.json", [
      {
        Config: pathOf(config.digest),
        RepoTags: tag === undefined ? null : [image.reference],
        Layers: layers.map(({ digest }) => pathOf(digest)),
      },
    ]);
    const needed = new Set(digestsOf(image.digest, { kind: "image", config, layers }));
    for (const digest of needed) await addBlob(archive, blobs, digest);
    archive.finalize();
  };
  // A stream of Node's own: what comes from the packer is one of another library's.
  const stream = new PassThrough();
  void write().catch((error: unknown) =>
    archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  void pipeline(archive, stream).catch(() => undefined);
  return stream;
}

async function addJson(archive: Pack, name: string, content: unknown): Promise<void> {
  const text = JSON.stringify(content);
  await new Promise<void>((resolve, reject) => {
    archive.entry({ name, mtime: EPOCH }, text, (error) => (error ? reject(error) : resolve()));
  });
}

async function addBlob(archive: Pack, blobs: BlobStore, digest: string): Promise<void> {
  const size = await blobs.sizeOf(digest);
  if (size === undefined) throw invalidImage(`${digest} is not here any more`);
  const entry = archive.entry({ name: pathOf(digest), size, mtime: EPOCH });
  await pipeline(createReadStream(blobs.pathOf(digest)), entry);
}

function pathOf(digest: string): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
