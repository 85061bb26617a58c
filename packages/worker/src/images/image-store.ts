/**
 * The images of this host, in the cache that all of its daemons share:
 *
 *   <cache>/oci/blobs/   what they are made of, by digest
 *   <cache>/oci/names/   which name means which
 *
 * Nothing in here looks into a layer; that is done in a VM.
 */
import { join } from "node:path";
import type { Readable } from "node:stream";
import { FastvmError, formatReference, isDigest, parseReference } from "@fastvm/contract";
import type {
  CallOptions,
  HeldImage,
  ImageDetails,
  ImageHolding,
  ImageOwner,
  LoadOptions,
  ImageSettings,
  ImageStart,
  PullOrder,
} from "@fastvm/contract";
import { syncNames } from "../files/durable.ts";
import { isErrno, isOutOfDisk } from "../files/errno.ts";
import { imagesOf } from "./archive/load.ts";
import { readArchive } from "./archive/read-archive.ts";
import { saveImage } from "./archive/save.ts";
import { assembleImage } from "./assemble.ts";
import { BlobStore, type BlobLimits } from "./blobs/blob-store.ts";
import { digestsOf, heldManifest, isWhole, manifestIfHere, readHeld } from "./held-content.ts";
import { EVERYBODY, ImageNames } from "./image-names.ts";
import { invalidImage } from "./invalid-image.ts";
import { layersByContent, layOut } from "./lay-out.ts";
import type { BaseLayer } from "./lay-out.ts";
import { readImageConfig } from "./manifest/image-config.ts";
import { compressionOfType, type Compression } from "./manifest/media-types.ts";
import { PLATFORM } from "./manifest/platform.ts";
import { markUsed, shelvedImage, shelvedImages, type ShelvedImage } from "./shelf.ts";
import { Possessions } from "./possession.ts";
import { pullImage } from "./pull.ts";
import { Registries } from "./registry/registries.ts";

interface ImageStoreOptions extends BlobLimits {
  readonly cacheDir: string;
  /** What the operator says of registries; need not be there. */
  readonly registriesFile: string | undefined;
  /** What all images and templates may take: one that is larger alone is not pulled. */
  readonly maxBytes?: number;
  /** Told when blobs that no name leads to could not be looked for. They are at the next time. */
  readonly onError?: (error: unknown) => void;
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

export class ImageStore implements Omit<ImageHolding, "warm" | "import"> {
  readonly #blobs: BlobStore;
  readonly #names: ImageNames;
  readonly #possessions: Possessions;
  readonly #registriesFile: string | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #maxBytes: number;
  readonly #ending = new AbortController();
  readonly #working = new Set<Promise<unknown>>();
  #collecting: Promise<void> = Promise.resolve();

  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    const blobs = new BlobStore(join(options.cacheDir, "oci", "blobs"), options);
    const names = new ImageNames(join(options.cacheDir, "oci", "names"));
    await blobs.prepare();
    await names.prepare();
    for (const name of ["blobs", "names"])
      await syncNames(join(options.cacheDir, "oci", name), options.cacheDir);
    // Of a daemon that was killed.
    await blobs.collectLeft();
    return new ImageStore(blobs, names, options);
  }

  /** To look at alone: nothing is made. */
  static at(cacheDir: string): Pick<ImageStore, "shelved"> {
    const blobs = new BlobStore(join(cacheDir, "oci", "blobs"));
    const names = new ImageNames(join(cacheDir, "oci", "names"));
    return {
      shelved: () =>
        shelvedImages(blobs, names).catch((error: unknown) => {
          if (isErrno(error, "ENOENT")) return [];
          throw error;
        }),
    };
  }

  private constructor(
    blobs: BlobStore,
    names: ImageNames,
    { registriesFile, onError = () => undefined, maxBytes = Infinity }: ImageStoreOptions,
  ) {
    this.#blobs = blobs;
    this.#names = names;
    this.#possessions = new Possessions(blobs, names);
    this.#registriesFile = registriesFile;
    this.#onError = onError;
    this.#maxBytes = maxBytes;
  }

  async pull(order: PullOrder, { signal }: CallOptions = {}): Promise<HeldImage> {
    const { owner = EVERYBODY } = order;
    const reference = parseReference(order.reference);
    const name = formatReference(reference);
    const here = await this.#find(owner, name);
    // What a digest means does not change.
    const isSettled = order.policy !== "always" || reference.digest !== undefined;
    if (here !== undefined && isSettled) {
      await markUsed(this.#blobs, here.digest);
      return here;
    }
    if (order.policy === "never") throw new FastvmError("not_found", `${name} is not here`);
    const registries = await Registries.read(this.#registriesFile);
    return await this.#bring(signal, async (ending) => {
      const blobs = this.#blobs;
      const pulled = await this.#possessions.whilePulling(owner, reference, (possession) =>
        pullImage(
          { blobs, registries, possession, maxBytes: this.#maxBytes, signal: ending },
          reference,
          order.credentials,
        ),
      );
      const image = {
        owner,
        reference: name,
        platform: PLATFORM,
        ...pulled,
        pulledAtMs: Date.now(),
        isPulled: true,
      };
      // Before there is a name by which it could be found unused.
      await markUsed(this.#blobs, image.digest);
      await this.#names.put(image);
      return image;
    });
  }

  async list(owner?: ImageOwner): Promise<readonly HeldImage[]> {
    return owner === undefined ? await this.#names.list() : await this.#names.seenBy(owner);
  }

  async inspect(image: string, owner: ImageOwner = EVERYBODY): Promise<ImageDetails> {
    const held = await this.find(image, owner);
    const { layers } = await heldManifest(this.#blobs, held.digest);
    return {
      ...held,
      layers: layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, sizeBytes: size })),
      settings: await this.settingsOf(held.digest),
    };
  }

  /** By the digest of its manifest. */
  async settingsOf(digest: string): Promise<ImageSettings> {
    const { config, layers } = await heldManifest(this.#blobs, digest);
    return readImageConfig(await readHeld(this.#blobs, config.digest), layers.length).settings;
  }

  async find(image: string, owner: ImageOwner = EVERYBODY): Promise<HeldImage> {
    return this.#resolve(image, await this.#names.seenBy(owner));
  }

  /** For a launch: it is used now. */
  async findToUse(image: string, owner: ImageOwner = EVERYBODY): Promise<HeldImage> {
    const found = await this.find(image, owner);
    await markUsed(this.#blobs, found.digest);
    return found;
  }

  async shelved(): Promise<readonly ShelvedImage[]> {
    return await shelvedImages(this.#blobs, this.#names);
  }

  /** Takes all its names away, whoever's they are. False when it was used since `image` was looked at, or could not be pulled again. */
  async evict(image: ShelvedImage): Promise<boolean> {
    const now = await shelvedImage(this.#blobs, this.#names, image.digest);
    if (now?.isPulled !== true || now.lastUseMs !== image.lastUseMs) return false;
    for (const { owner, reference, digest } of await this.#names.list())
      if (digest === image.digest) await this.#names.remove(owner, reference);
    await this.#collect();
    return true;
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
    const { diffIds } = readImageConfig(await readHeld(this.#blobs, config.digest), layers.length);
    return layers.map((layer, index) => ({
      path: this.#blobs.pathOf(layer.digest),
      sizeBytes: layer.size,
      compression: compressionOfType(layer.mediaType),
      diffId: diffIds[index] ?? "",
    }));
  }

  async remove(image: string, owner: ImageOwner = EVERYBODY): Promise<readonly string[]> {
    const own = (await this.#names.list()).filter((each) => each.owner === owner);
    const { reference, digest } = this.#resolve(image, own);
    const isByDigest = DIGEST_START.test(image) && reference !== formatReference(parseReference(image));
    const all = isByDigest ? own.filter((each) => each.digest === digest) : [{ reference }];
    for (const each of all) await this.#names.remove(owner, each.reference);
    await this.#collect();
    return all.map((each) => each.reference);
  }

  async load(
    archive: Readable,
    { name, owner = EVERYBODY, signal }: LoadOptions = {},
  ): Promise<readonly HeldImage[]> {
    // Before all of it is read.
    if (name !== undefined) parseReference(name);
    return await this.#bring(signal, async (ending) => {
      const files = await readArchive(this.#blobs, archive, ending);
      const had = await this.#possessions.seenBy(owner);
      const images = await imagesOf(this.#blobs, files, { name, owner, had });
      for (const image of images) await this.#names.put(image);
      return images;
    });
  }

  /** Into a folder that is not there yet, in the form `dir` of containers' tools. */
  async layOut(digest: string, folder: string): Promise<void> {
    await this.use(digest, () => layOut(this.#blobs, digest, folder));
  }

  /** Layers of an image that is here, by the digests of what is in them. */
  async layersByContent(digest: string): Promise<Readonly<Record<string, BaseLayer>>> {
    return await this.use(digest, () => layersByContent(this.#blobs, digest));
  }

  async setStart(
    image: string,
    start: ImageStart | undefined,
    owner: ImageOwner = EVERYBODY,
  ): Promise<HeldImage> {
    const held = await this.find(image, owner);
    await this.#names.setStart(held, start);
    return { ...held, start };
  }

  /** Of one layer, a tar, that comes as nobody had named it. */
  async assemble(
    name: string,
    layer: AsyncIterable<Uint8Array>,
    { owner = EVERYBODY, signal }: CallOptions & { readonly owner?: ImageOwner | undefined } = {},
  ): Promise<HeldImage> {
    parseReference(name);
    return await this.#bring(signal, async () => {
      const image = await assembleImage(this.#blobs, { owner, name }, layer);
      await this.#names.put(image);
      return image;
    });
  }

  async save(image: string, owner: ImageOwner = EVERYBODY): Promise<Readable> {
    return await saveImage(this.#blobs, await this.find(image, owner));
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
    this.#collecting = this.#collecting.then(() => this.#collectNow()).catch(this.#onError);
    await this.#collecting;
  }

  async #collectNow(): Promise<void> {
    await this.#blobs.collectLeft();
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
      // One of which a part is gone keeps what there is of it: the next pull brings the rest. One that cannot be read now is not gone.
      const manifest = await manifestIfHere(this.#blobs, digest);
      if (manifest !== undefined) for (const each of digestsOf(digest, manifest)) wanted.add(each);
    }
    return wanted;
  }

  async #find(owner: ImageOwner, reference: string): Promise<HeldImage | undefined> {
    const found = await this.#names.find(owner, reference);
    return found !== undefined && (await isWhole(this.#blobs, found.digest)) ? found : undefined;
  }

  /** By name first: a name may look like the beginning of a digest. */
  #resolve(image: string, among: readonly HeldImage[]): HeldImage {
    const name = isDigest(image) ? undefined : formatReference(parseReference(image));
    const byName = among.find(({ reference }) => reference === name);
    if (byName !== undefined) return byName;
    const start = image.replace(/^sha256:/, "");
    const all = DIGEST_START.test(image) ? among : [];
    const found = all.filter(({ digest }) => digest.startsWith(`sha256:${start}`));
    const [first] = found;
    if (first === undefined) throw new FastvmError("not_found", `there is no image ${image} here`);
    if (found.some(({ digest }) => digest !== first.digest)) {
      throw new FastvmError("invalid_request", `several images begin with ${image}`, { field: "image" });
    }
    return first;
  }
}
