/** An image of a test as an OCI layout in a tar. */
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { digestOf, type TestImage } from "./test-registry.ts";

/** With those of its parts that are given. */
export async function layoutOf({ top }: TestImage, name: string, parts: Iterable<Buffer>): Promise<Buffer> {
  const archive = pack();
  const annotations = { "org.opencontainers.image.ref.name": name };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifests = [{ mediaType, digest: digestOf(top), size: top.length, annotations }];
  archive.entry({ name: "index.json" }, JSON.stringify({ schemaVersion: 2, manifests }));
  for (const part of parts) archive.entry({ name: `blobs/sha256/${digestOf(part).slice(7)}` }, part);
  archive.finalize();
  return await buffer(archive);
}
