/**
 * The images of this host, in the cache that all of its daemons share:
 *
 *   <cache>/oci/blobs/   what they are made of, by digest
 *   <cache>/oci/names/   which name means which
 *
 * Nothing in here looks into a layer; that is done in a VM.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { FastvmError, formatReference, isDigest, parseReference } from "@fastvm/contract";
import type { CallOptions, HeldImage, ImageDetails, ImageHolding, PullOrder } from "@fastvm/contract";
import { isOutOfDisk } from "../files/errno.ts";
import { imagesOf } from "./archive/load.ts";
import { readArchive } from "./archive/read-archive.ts";
import { saveImage } from "./archive/save.ts";
import { BlobStore } from "./blobs/blob-store.ts";
import { digestsOf, heldManifest, isWhole } from "./held-content.ts";
import { ImageNames } from "./image-names.ts";
import { invalidImage } from "./invalid-image.ts";
import { readImageConfig } from "./manifest/image-config.ts";
import { compressionOfType, type Compression } from "./manifest/media-types.ts";
import { pullImage } from "./pull.ts";
import { Registries } from "./registry/registries.ts";

interface ImageStoreOptions {
  readonly cacheDir: string;
  /** What the operator says of registries; need not be there. */
  readonly registriesFile: string | undefined;
}

/** A layer that is here, and what has to be in it. */
export interface HeldLayer {
  readonly path: string;
  readonly sizeBytes: number;
  readonly compression: Compression;
  /** Of its content without compression. */
  readonly diffId: string;
}

/** The largest images over a slow line; a registry that trickles must not hold a pull for ever. */
const PULL_DEADLINE_MS = 30 * 60_000;
const DIGEST_START = /^(?:sha256:)?[0-9a-f]{6,64}$/;

export class ImageStore implements Omit<ImageHolding, "warm"> {
  readonly #blobs: BlobStore;
  readonly #names: ImageNames;
  readonly #registriesFile: string | undefined;
  readonly #ending = new AbortController();
  readonly #working = new Set<Promise<unknown>>();
  #collecting: Promise<void> = Promise.resolve();

  static async open({ cacheDir, registriesFile }: ImageStoreOptions): Promise<ImageStore> {
    const blobs = new BlobStore(join(cacheDir, "oci", "blobs"));
    const names = new ImageNames(join(cacheDir, "oci", "names"));
    await blobs.prepare();
    await names.prepare();
    return new ImageStore(blobs, names, registriesFile);
  }

  private constructor(blobs: BlobStore, names: ImageNames, registriesFile: string | undefined) {
    this.#blobs = blobs;
    this.#names = names;
    this.#registriesFile = registriesFile;
  }

  async pull(order: PullOrder, { signal }: CallOptions = {}): Promise<HeldImage> {
    const reference = parseReference(order.reference);
    const here = await this.#find(formatReference(reference));
    // What a digest means does not change.
    const isSettled = order.policy !== "always" || reference.digest !== undefined;
    if (here !== undefined && isSettled) return here;
    if (order.policy === "never")
      throw new FastvmError("not_found", `${formatReference(reference)} is not here`);
    const registries = await Registries.read(this.#registriesFile);
    return await this.#bring(signal, async (ending) => {
      const image = await pullImage(
        { blobs: this.#blobs, registries, signal: ending },
        reference,
        order.credentials,
      );
      await this.#names.put(image);
      return image;
    });
  }

  async list(): Promise<readonly HeldImage[]> {
    return await this.#names.list();
  }

  async inspect(image: string): Promise<ImageDetails> {
    const held = await this.#resolve(image);
    const { config, layers } = await heldManifest(this.#blobs, held.digest);
    const { settings } = readImageConfig(await readFile(this.#blobs.pathOf(config.digest)), layers.length);
    return {
      ...held,
      layers: layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, sizeBytes: size })),
      settings,
    };
  }

  async find(image: string): Promise<HeldImage> {
    return await this.#resolve(image);
  }

  /** While `work` goes on, what the image is made of stays. By the digest of its manifest; the layers are the lowest first. */
  async use<T>(digest: string, work: (layers: readonly HeldLayer[]) => Promise<T>): Promise<T> {
    try {
      return await this.#names.whileBringing(async () => work(await this.#layersOf(digest)));
    } finally {
      await this.#collect();
    }
  }

  async #layersOf(digest: string): Promise<readonly HeldLayer[]> {
    if (!(await isWhole(this.#blobs, digest)))
      throw invalidImage("a part of it is not here any more; pull it anew");
    const { config, layers } = await heldManifest(this.#blobs, digest);
    const { diffIds } = readImageConfig(await readFile(this.#blobs.pathOf(config.digest)), layers.length);
    return layers.map((layer, index) => ({
      path: this.#blobs.pathOf(layer.digest),
      sizeBytes: layer.size,
      compression: compressionOfType(layer.mediaType),
      diffId: diffIds[index] ?? "",
    }));
  }

  async remove(image: string): Promise<readonly string[]> {
    const { reference, digest } = await this.#resolve(image);
    const isByDigest = DIGEST_START.test(image) && reference !== formatReference(parseReference(image));
    const all = isByDigest
      ? (await this.#names.list()).filter((each) => each.digest === digest)
      : [{ reference }];
    for (const each of all) await this.#names.remove(each.reference);
    await this.#collect();
    return all.map((each) => each.reference);
  }

  async load(
    archive: Readable,
    { name, signal }: CallOptions & { readonly name?: string | undefined } = {},
  ): Promise<readonly HeldImage[]> {
    // Before all of it is read.
    if (name !== undefined) parseReference(name);
    return await this.#bring(signal, async (ending) => {
      const files = await readArchive(this.#blobs, archive, ending);
      const images = await imagesOf(this.#blobs, files, name);
      for (const image of images) await this.#names.put(image);
      return images;
    });
  }

  async save(image: string): Promise<Readable> {
    return await saveImage(this.#blobs, await this.#resolve(image));
  }

  /** Ends what is being brought; what had arrived is kept. */
  async close(): Promise<void> {
    this.#ending.abort(new FastvmError("registry_unreachable", "the daemon is ending"));
    await Promise.allSettled(this.#working);
    await this.#collecting;
  }

  async #bring<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = AbortSignal.timeout(PULL_DEADLINE_MS);
    const ending = AbortSignal.any([
      this.#ending.signal,
      deadline,
      ...(signal === undefined ? [] : [signal]),
    ]);
    const working = this.#names.whileBringing(() => work(ending));
    this.#working.add(working);
    try {
      return await working;
    } catch (error) {
      if (isOutOfDisk(error)) throw new FastvmError("out_of_disk", undefined, { cause: error });
      if (!deadline.aborted) throw error;
      throw new FastvmError(
        "registry_unreachable",
        `it took more than ${PULL_DEADLINE_MS / 60_000} minutes`,
        { cause: error },
      );
    } finally {
      this.#working.delete(working);
      await this.#collect();
    }
  }

  /** Blobs that no name leads to. One at a time; while anybody brings something it does nothing, as whoever ends last does it. */
  async #collect(): Promise<void> {
    this.#collecting = this.#collecting.catch(() => undefined).then(() => this.#collectNow());
    await this.#collecting;
  }

  async #collectNow(): Promise<void> {
    if (await this.#names.isBringing()) return;
    const wanted = await this.#wanted();
    await this.#blobs.collect(
      (digest) => wanted.has(digest),
      // Who found it before it was taken aside is still bringing, or has given it a name.
      async (digest) => !(await this.#names.isBringing()) && !(await this.#wanted()).has(digest),
    );
  }

  async #wanted(): Promise<ReadonlySet<string>> {
    const wanted = new Set<string>();
    for (const { digest } of await this.#names.list()) {
      wanted.add(digest);
      // One of which a part is gone keeps what there is of it: the next pull brings the rest.
      const manifest = await heldManifest(this.#blobs, digest).catch(() => undefined);
      if (manifest !== undefined) for (const each of digestsOf(digest, manifest)) wanted.add(each);
    }
    return wanted;
  }

  async #find(reference: string): Promise<HeldImage | undefined> {
    const found = await this.#names.find(reference);
    return found !== undefined && (await isWhole(this.#blobs, found.digest)) ? found : undefined;
  }

  /** By name first: a name may look like the beginning of a digest. */
  async #resolve(image: string): Promise<HeldImage> {
    const byName = isDigest(image)
      ? undefined
      : await this.#names.find(formatReference(parseReference(image)));
    if (byName !== undefined) return byName;
    const start = image.replace(/^sha256:/, "");
    const all = DIGEST_START.test(image) ? await this.#names.list() : [];
    const found = all.filter(({ digest }) => digest.startsWith(`sha256:${start}`));
    const [first] = found;
    if (first === undefined) throw new FastvmError("not_found", `there is no image ${image} here`);
    if (found.some(({ digest }) => digest !== first.digest)) {
      throw new FastvmError("invalid_request", `several images begin with ${image}`, { field: "image" });
    }
    return first;
  }
}
