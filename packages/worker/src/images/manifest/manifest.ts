/** Manifests and indexes of images, of Docker and of OCI, which differ in the names of their types alone. */
import { isDigest } from "@fastvm/contract";
import { MAX_CONFIG_BYTES, MAX_IMAGE_BYTES, MAX_LAYERS } from "../image-limits.ts";
import { invalidImage } from "../invalid-image.ts";
import { IMAGE_TYPES, isLayerType } from "./media-types.ts";
import { asList, asObject, asText, readJsonObject, type JsonObject } from "./read-json.ts";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Manifest {
  readonly kind: "image";
  readonly config: Descriptor;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
}

export interface IndexEntry extends Descriptor {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
  readonly annotations: Readonly<Record<string, unknown>>;
}

interface Index {
  readonly kind: "index";
  /** Those that are images, or indexes in turn. */
  readonly entries: readonly IndexEntry[];
}

/** By what is in it: old registries give neither a type in it nor the right one beside it. */
export function readManifest(bytes: Uint8Array): Manifest | Index {
  const found = readJsonObject(bytes, "the manifest");
  if (found["schemaVersion"] === 1)
    throw invalidImage("its manifest is of Docker's first version, which nobody makes any more");
  if (found["manifests"] !== undefined) return readIndex(found);
  if (found["config"] !== undefined) return readImage(found);
  throw invalidImage("its manifest names neither a configuration nor other manifests");
}

export function sizeOf({ config, layers }: Manifest): number {
  return layers.reduce((sum, { size }) => sum + size, config.size);
}

function readImage(found: JsonObject): Manifest {
  const config = readDescriptor(found["config"], "the configuration");
  const layers = asList(found["layers"], "layers").map((each, at) => readDescriptor(each, `layer ${at}`));
  const manifest: Manifest = { kind: "image", config, layers };
  if (config.size > MAX_CONFIG_BYTES)
    throw invalidImage(`its configuration has more than ${MAX_CONFIG_BYTES} bytes`);
  if (layers.length > MAX_LAYERS) throw invalidImage(`it has more than ${MAX_LAYERS} layers`);
  if (sizeOf(manifest) > MAX_IMAGE_BYTES) throw invalidImage(`it has more than ${MAX_IMAGE_BYTES} bytes`);
  const foreign = layers.find(({ mediaType }) => !isLayerType(mediaType));
  if (foreign !== undefined)
    throw invalidImage(`a layer is "${foreign.mediaType}", which is no tar that everybody may have`);
  return manifest;
}

function readIndex(found: JsonObject): Index {
  const entries = asList(found["manifests"], "manifests").map((each, at) => {
    const what = `manifest ${at}`;
    const object = asObject(each, what);
    const platform = asObject(object["platform"] ?? {}, what);
    return {
      ...readDescriptor(each, what),
      os: asText(platform["os"], what),
      architecture: asText(platform["architecture"], what),
      variant: asText(platform["variant"], what),
      annotations: asObject(object["annotations"] ?? {}, what),
    };
  });
  return { kind: "index", entries: entries.filter(({ mediaType }) => IMAGE_TYPES.has(mediaType)) };
}

function readDescriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size } = asObject(value, what);
  if (!isDigest(digest)) throw invalidImage(`${what} has no SHA-256 digest`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw invalidImage(`${what} has no size`);
  return { mediaType: asText(mediaType, what), digest, size };
}
