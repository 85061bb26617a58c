/** Names of what registries have, in the words of Docker and of OCI. */

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_MANIFEST_TYPE = OCI_MANIFEST;
export const OCI_INDEX_TYPE = OCI_INDEX;

/** What we ask for. */
export const MANIFEST_TYPES: readonly string[] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
/** What an index leads to that is an image or another index; other things are signatures and the like. */
export const IMAGE_TYPES: ReadonlySet<string> = new Set(MANIFEST_TYPES);

export type Compression = "none" | "gzip" | "zstd";

/** How layers come. Those "foreign" ones that are to be had elsewhere only are not images for everybody. */
const LAYERS: ReadonlyMap<string, Compression> = new Map([
  ["application/vnd.oci.image.layer.v1.tar", "none"],
  ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
  ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
  ["application/vnd.docker.image.rootfs.diff.tar", "none"],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
]);

/** Of a type that `isLayerType` knows. */
export function compressionOfType(mediaType: string): Compression {
  return LAYERS.get(mediaType) ?? "none";
}

export function isLayerType(mediaType: string): boolean {
  return LAYERS.has(mediaType);
}

export function layerType(compression: Compression): string {
  return `application/vnd.oci.image.layer.v1.tar${compression === "none" ? "" : `+${compression}`}`;
}
