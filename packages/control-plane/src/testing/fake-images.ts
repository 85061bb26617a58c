/** Images without a registry: a pull brings whatever is named, at once, for whoever asks; owners are kept apart as the worker does it. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  type ImportOrder,
  FastvmError,
  formatReference,
  parseReference,
  type HeldImage,
  type ImageDetails,
  type ImageHolding,
  type ImageOwner,
  type ImageStart,
  type PullOrder,
} from "@fastvm/contract";

const SETTINGS: ImageDetails["settings"] = {
  entrypoint: [],
  cmd: ["/bin/sh"],
  env: ["PATH=/bin"],
  workdir: "/",
  user: "",
  ports: ["80/tcp"],
  labels: {},
  stopSignal: "SIGTERM",
};

export class FakeImages implements ImageHolding {
  readonly held: HeldImage[] = [];
  /** In order. */
  readonly orders: PullOrder[] = [];
  /** Pulls wait for it. */
  gate: Promise<unknown> = Promise.resolve();

  /** What everybody has. */
  static of(...references: readonly string[]): FakeImages {
    const images = new FakeImages();
    for (const reference of references) images.keep(reference, "everybody");
    return images;
  }

  keep(name: string, owner: ImageOwner): HeldImage {
    const reference = formatReference(parseReference(name));
    const image: HeldImage = {
      owner,
      reference,
      digest: `sha256:${createHash("sha256").update(reference).digest("hex")}`,
      platform: "linux/amd64",
      sizeBytes: 4096,
      pulledAtMs: 1,
    };
    this.held.push(image);
    return image;
  }

  async import({ name, owner = "everybody", path }: ImportOrder): Promise<HeldImage> {
    if (path.includes("/none"))
      throw new FastvmError("invalid_request", `there is no ${path}`, { field: "path" });
    return this.keep(name, owner);
  }

  async setStart(
    image: string,
    start: ImageStart | undefined,
    owner: ImageOwner = "everybody",
  ): Promise<HeldImage> {
    const held = find(this.#seenBy(owner), image);
    const now = { ...held, start };
    this.held[this.held.indexOf(held)] = now;
    return now;
  }

  async pull(order: PullOrder): Promise<HeldImage> {
    const { owner = "everybody", policy } = order;
    this.orders.push(order);
    const reference = formatReference(parseReference(order.reference));
    const here = this.#seenBy(owner).find((each) => each.reference === reference);
    if (here !== undefined && policy !== "always") return here;
    if (policy === "never") throw new FastvmError("not_found", `${reference} is not here`);
    await this.gate;
    return this.keep(reference, owner);
  }

  async list(owner?: ImageOwner): Promise<readonly HeldImage[]> {
    return owner === undefined ? this.held : this.#seenBy(owner);
  }

  async inspect(image: string, owner: ImageOwner = "everybody"): Promise<ImageDetails> {
    const mediaType = "application/vnd.oci.image.layer.v1.tar";
    const held = find(this.#seenBy(owner), image);
    return { ...held, layers: [{ digest: held.digest, mediaType, sizeBytes: 4096 }], settings: SETTINGS };
  }

  async remove(image: string, owner: ImageOwner = "everybody"): Promise<readonly string[]> {
    const gone = find(
      this.held.filter((each) => each.owner === owner),
      image,
    );
    this.held.splice(this.held.indexOf(gone), 1);
    return [gone.reference];
  }

  async load(): Promise<readonly HeldImage[]> {
    return [];
  }

  async save(): Promise<Readable> {
    return Readable.from([]);
  }

  async warm(image: string, _machineName: string, owner: ImageOwner = "everybody"): Promise<void> {
    find(this.#seenBy(owner), image);
  }

  #seenBy(owner: ImageOwner): readonly HeldImage[] {
    return this.held.filter((each) => each.owner === owner || each.owner === "everybody");
  }
}

function find(images: readonly HeldImage[], image: string): HeldImage {
  const reference = image.startsWith("sha256:") ? image : formatReference(parseReference(image));
  const start = `sha256:${image.replace(/^sha256:/, "")}`;
  const found = images.find((each) => each.reference === reference || each.digest.startsWith(start));
  if (found === undefined) throw new FastvmError("not_found", `there is no image ${image} here`);
  return found;
}
