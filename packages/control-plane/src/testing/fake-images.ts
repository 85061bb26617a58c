/** Images without a registry: a pull brings whatever is named, at once, for whoever asks; owners are kept apart as the worker does it. */
/** Images of a host without a disk: what a test says is in registries can be pulled, once somebody's credentials fit. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  FastvmError,
  formatReference,
  parseReference,
  type HeldImage,
  type ImageDetails,
  type ImageHolding,
  type ImageOwner,
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

  async pull(order: PullOrder): Promise<HeldImage> {
    const { owner = "everybody", policy } = order;
    this.orders.push(order);
    const reference = formatReference(parseReference(order.reference));
    const here = this.#seenBy(owner).find((each) => each.reference === reference);
    if (here !== undefined && policy !== "always") return here;
    if (policy === "never") throw new FastvmError("not_found", `${reference} is not here`);
    await this.gate;
    const digest = `sha256:${createHash("sha256").update(reference).digest("hex")}`;
    const image: HeldImage = {
      owner,
      reference,
      digest,
      platform: "linux/amd64",
      sizeBytes: 4096,
      pulledAtMs: 1,
    };
    this.held.push(image);
    return image;
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
  type HeldImage,
  type ImageDetails,
  type ImageHolding,
  type PullOrder,
} from "@fastvm/contract";

export class FakeImages implements ImageHolding {
  /** By reference: the password that it takes, if any. */
  readonly registry = new Map<string, string | undefined>();
  readonly held = new Map<string, HeldImage>();
  readonly pulls: PullOrder[] = [];

  async pull(order: PullOrder): Promise<HeldImage> {
    this.pulls.push(order);
    if (!this.registry.has(order.reference))
      throw new FastvmError("not_found", "the registry has no such image");
    const password = this.registry.get(order.reference);
    if (password !== undefined && order.credentials?.password !== password)
      throw new FastvmError("registry_denied");
    return this.hold(order.reference);
  }

  hold(reference: string): HeldImage {
    const digest = `sha256:${createHash("sha256").update(reference).digest("hex")}`;
    const image = { reference, digest, platform: "linux/amd64", sizeBytes: 4096, pulledAtMs: 0 };
    this.held.set(reference, image);
    return image;
  }

  async list(): Promise<readonly HeldImage[]> {
    return [...this.held.values()];
  }

  async inspect(image: string): Promise<ImageDetails> {
    const held = this.held.get(image);
    if (held === undefined) throw new FastvmError("not_found");
    const none = {
      entrypoint: [],
      cmd: [],
      env: [],
      workdir: "",
      user: "",
      ports: [],
      labels: {},
      stopSignal: "",
    };
    return { ...held, layers: [], settings: none };
  }

  async remove(image: string): Promise<readonly string[]> {
    if (!this.held.delete(image)) throw new FastvmError("not_found");
    return [image];
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
  const found = images.find((each) => each.reference === reference || each.digest.startsWith(image));
  if (found === undefined) throw new FastvmError("not_found", `there is no image ${image} here`);
  return found;
  async warm(): Promise<void> {
    // It boots nothing.
  }

  async save(): Promise<Readable> {
    return Readable.from([]);
  }
}
