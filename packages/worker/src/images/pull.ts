/** Brings what a reference means now from its registry, or from one of the mirrors in front of it. */
import { apiHostOf, FastvmError } from "@fastvm/contract";
import type { ImageReference, PullOrder } from "@fastvm/contract";
import { allSettled } from "../concurrency/all-settled.ts";
import type { BlobStore } from "./blobs/blob-store.ts";
import type { PartialBlob } from "./blobs/partial-blob.ts";
import { requireSize } from "./held-content.ts";
import { invalidImage } from "./invalid-image.ts";
import { sourceOf, type Possession } from "./possession.ts";
import { readImageConfig } from "./manifest/image-config.ts";
import { readManifest, sizeOf, type Descriptor, type Manifest } from "./manifest/manifest.ts";
import { choosePlatform } from "./manifest/platform.ts";
import { Authorization } from "./registry/authorization.ts";
import { HttpSession } from "./registry/http-session.ts";
import type { Registries } from "./registry/registries.ts";
import { Repository } from "./registry/repository.ts";
import { readFile } from "node:fs/promises";

/** An index in an index is allowed by OCI; a third nobody has seen. */
const MAX_INDEX_DEPTH = 3;
/** One connection seldom gets all that a line can carry; many are impolite. */
const LAYERS_AT_ONCE = 3;

interface PullContext {
  readonly blobs: BlobStore;
  readonly registries: Registries;
  readonly possession: Possession;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

interface PulledImage {
  readonly digest: string;
  /** Of configuration and layers. */
  readonly sizeBytes: number;
}

interface Sources {
  /** Registry and repository, whichever of the servers is asked. */
  readonly name: string;
  readonly all: readonly Repository[];
  readonly away: Set<Repository>;
}

interface ChosenImage {
  readonly digest: string;
  readonly bytes: Buffer;
  readonly manifest: Manifest;
}

/** All of it is there when this resolves. */
export async function pullImage(
  { blobs, registries, possession, maxBytes, signal }: PullContext,
  reference: ImageReference,
  credentials: PullOrder["credentials"],
): Promise<PulledImage> {
  const session = new HttpSession(registries, signal);
  try {
    const sources = sourcesOf(session, reference, credentials);
    const image = await chooseImage(sources, reference.digest ?? reference.tag ?? "");
    const { config, layers } = image.manifest;
    if (sizeOf(image.manifest) > maxBytes)
      throw invalidImage(
        `it has ${sizeOf(image.manifest)} bytes, and this host keeps ${maxBytes} of images and templates in all`,
      );
    const bring = (blob: Descriptor): Promise<void> => bringBlob(sources, { blobs, possession }, blob);
    // First, since it may say that the rest is for another machine.
    await bring(config);
    readImageConfig(await readFile(blobs.pathOf(config.digest)), layers.length);
    await bringAll(layers, bring);
    await blobs.obtain(image.digest, {
      source: sources.name,
      // We have it in our hands.
      mayHave: () => true,
      fill: async (partial) => {
        await partial.restart();
        await partial.append(image.bytes);
      },
    });
    return { digest: image.digest, sizeBytes: sizeOf(image.manifest) };
  } finally {
    session.close();
  }
}

/** Mirrors first. None of them is shown what was given for the registry. */
function sourcesOf(
  session: HttpSession,
  reference: ImageReference,
  credentials: PullOrder["credentials"],
): Sources {
  const { registry, repository } = reference;
  const mirrors = session.registries
    .of(registry)
    .mirrors.map(
      (url) => new Repository(session, new Authorization(session, undefined), new URL(url), repository),
    );
  const origin = session.baseOf(apiHostOf(registry));
  const registryItself = new Repository(session, new Authorization(session, credentials), origin, repository);
  return { name: sourceOf(reference), all: [...mirrors, registryItself], away: new Set() };
}

/** From the first that has it; one that cannot be reached is not asked again in this pull. What the last one says is told. */
async function fromFirst<T>(sources: Sources, ask: (source: Repository) => Promise<T>): Promise<T> {
  let failure: unknown;
  for (const source of sources.all.filter((each) => !sources.away.has(each))) {
    try {
      return await ask(source);
    } catch (error) {
      // Anything else is of our own side, such as a disk that is full.
      if (!(error instanceof FastvmError)) throw error;
      if (error.code === "registry_unreachable" && source !== sources.all.at(-1)) sources.away.add(source);
      failure = error;
    }
  }
  throw failure;
}

async function chooseImage(sources: Sources, wanted: string): Promise<ChosenImage> {
  let next = wanted;
  for (let depth = 0; depth < MAX_INDEX_DEPTH; depth++) {
    const asked = next;
    const { digest, bytes } = await fromFirst(sources, (source) => source.manifest(asked));
    const manifest = readManifest(bytes);
    if (manifest.kind === "image") return { digest, bytes, manifest };
    next = choosePlatform(manifest.entries).digest;
  }
  throw invalidImage("it is a list in a list of lists");
}

async function bringBlob(
  sources: Sources,
  { blobs, possession }: Pick<PullContext, "blobs" | "possession">,
  { digest, size }: Descriptor,
): Promise<void> {
  const fill = async (partial: PartialBlob): Promise<void> => {
    // One that has more than the whole is not what it says.
    if (partial.bytes > size) await partial.restart();
    await fromFirst(sources, async (source) => {
      await source.blob(digest, size, partial);
      if (partial.digest === digest) return;
      const found = partial.digest;
      await partial.restart();
      throw invalidImage(`what ${source.host} sent as ${digest} is ${found}`);
    });
    // Before anybody who waits for it looks.
    possession.brought(digest);
  };
  await blobs.obtain(digest, { source: sources.name, mayHave: () => possession.mayHave(digest), fill });
  await requireSize(blobs, digest, size);
}

async function bringAll(
  layers: readonly Descriptor[],
  bring: (layer: Descriptor) => Promise<void>,
): Promise<void> {
  // A layer may come twice.
  const waiting = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const next = waiting[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const layer of next) {
      if (failed) return;
      try {
        await bring(layer);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await allSettled(Array.from({ length: LAYERS_AT_ONCE }, lane));
}
