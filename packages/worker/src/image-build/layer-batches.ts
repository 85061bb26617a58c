/**
 * Layers as a build VM is given them: large ones alone, each as it lies in the cache; small ones that follow each other as one disk. Images
 * have a hundred small ones, and to exchange a disk and to start a program takes an emulated guest a second each.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { linkOrCopy } from "../files/copy.ts";
import type { HeldLayer } from "../images/image-store.ts";

interface PlacedLayer {
  readonly layer: HeldLayer;
  /** Of the image's layers. */
  readonly index: number;
  /** In the batch's file. */
  readonly offset: number;
}

export type LayerBatch = readonly PlacedLayer[];

const MIB = 1024 ** 2;
/** What is copied rather than linked: a tenth of a second. */
const MAX_BATCH_BYTES = 64 * MIB;
/** Each is an argument of one command. */
const MAX_BATCH_LAYERS = 256;

/** In order, each layer in one. */
export function batchesOf(layers: readonly HeldLayer[]): readonly LayerBatch[] {
  const batches: PlacedLayer[][] = [];
  let bytes = 0;
  for (const [index, layer] of layers.entries()) {
    const last = batches.at(-1);
    const fits = bytes + layer.sizeBytes <= MAX_BATCH_BYTES && (last?.length ?? 0) < MAX_BATCH_LAYERS;
    if (last === undefined || !fits) {
      batches.push([{ layer, index, offset: 0 }]);
      bytes = layer.sizeBytes;
    } else {
      last.push({ layer, index, offset: bytes });
      bytes += layer.sizeBytes;
    }
  }
  return batches;
}

export async function writeBatch(batch: LayerBatch, path: string): Promise<void> {
  const [first, ...others] = batch;
  if (first !== undefined && others.length === 0) return await linkOrCopy(first.layer.path, path);
  for (const { layer } of batch) {
    await pipeline(createReadStream(layer.path), createWriteStream(path, { flags: "a", mode: 0o600 }));
  }
}
