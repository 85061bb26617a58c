/**
 * Whose pull may have a blob that is here without bringing it. A manifest proves nothing: whoever knows the digest of another's layer can
 * have a registry of his own name it. So it has to be the puller's own or everybody's already, or to have come from the very repository
 * that has just shown the puller its manifest, to which it is no secret.
 */
import type { HeldImage, ImageOwner, ImageReference } from "@fastvm/contract";
import { parseReference } from "@fastvm/contract";
import type { BlobStore } from "./blobs/blob-store.ts";
import { digestsOf, manifestIfHere } from "./held-content.ts";
import { EVERYBODY, type ImageNames } from "./image-names.ts";

/** One pull's. */
export interface Possession {
  mayHave(digest: string): boolean;
  /** It has come from the pull's repository. */
  brought(digest: string): void;
}

export class Possessions {
  readonly #blobs: BlobStore;
  readonly #names: ImageNames;
  /** Of pulls under way, which have no name yet: repository and digest. */
  readonly #arrived = new Set<string>();
  #pulls = 0;

  constructor(blobs: BlobStore, names: ImageNames) {
    this.#blobs = blobs;
    this.#names = names;
  }

  async whilePulling<T>(
    owner: ImageOwner,
    reference: ImageReference,
    pull: (possession: Possession) => Promise<T>,
  ): Promise<T> {
    const repository = sourceOf(reference);
    const known = await this.#digestsOf(
      (image) => isSeenBy(owner, image) || sourceOf(parseReference(image.reference)) === repository,
    );
    this.#pulls += 1;
    try {
      return await pull({
        mayHave: (digest) => known.has(digest) || this.#arrived.has(`${repository} ${digest}`),
        brought: (digest) => void this.#arrived.add(`${repository} ${digest}`),
      });
    } finally {
      this.#pulls -= 1;
      if (this.#pulls === 0) this.#arrived.clear();
    }
  }

  /** All that the images are made of that this one sees. */
  async seenBy(owner: ImageOwner): Promise<ReadonlySet<string>> {
    return await this.#digestsOf((image) => isSeenBy(owner, image));
  }

  async #digestsOf(isMeant: (image: HeldImage) => boolean): Promise<ReadonlySet<string>> {
    const digests = new Set<string>();
    for (const image of await this.#names.list()) {
      if (!isMeant(image)) continue;
      const manifest = await manifestIfHere(this.#blobs, image.digest);
      if (manifest !== undefined) for (const each of digestsOf(image.digest, manifest)) digests.add(each);
    }
    return digests;
  }
}

/** A repository of a registry. */
export function sourceOf({ registry, repository }: ImageReference): string {
  return `${registry}/${repository}`;
}

function isSeenBy(owner: ImageOwner, image: HeldImage): boolean {
  return image.owner === owner || image.owner === EVERYBODY;
}
