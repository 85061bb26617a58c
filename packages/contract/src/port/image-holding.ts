/** Images of registries and archives that a host keeps, by the names that people gave them. What is in them nobody has looked at yet. */
import type { Readable } from "node:stream";
import type { CallOptions } from "./call-options.ts";

/** `if-missing`: asks nobody when it is here whole. `always`: asks what the name means now. `never`: asks nobody at all. */
type PullPolicy = "if-missing" | "always" | "never";

export interface PullOrder {
  /** As people write it: `python:3.13-slim`, `registry.example.com:5000/team/app@sha256:…`. */
  readonly reference: string;
  readonly policy: PullPolicy;
  /** For this pull alone; kept nowhere. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
}

export interface HeldImage {
  /** In full, with registry and tag: `docker.io/library/python:3.13-slim`. */
  readonly reference: string;
  /** Of the manifest for this platform, which names everything else by digest. */
  readonly digest: string;
  /** `linux/amd64`. */
  readonly platform: string;
  /** Of configuration and layers as they are kept, most of them compressed. */
  readonly sizeBytes: number;
  readonly pulledAtMs: number;
}

/** What the image's maker says of running it. Nothing of it is applied to a VM by itself. */
export interface ImageSettings {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly workdir: string;
  readonly user: string;
  /** `8080/tcp`. */
  readonly ports: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
}

export interface ImageLayer {
  /** Of the bytes as they are kept. */
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

export interface ImageDetails extends HeldImage {
  /** The lowest first. */
  readonly layers: readonly ImageLayer[];
  readonly settings: ImageSettings;
}

export interface ImageHolding {
  /**
   * Brings an image here, checked against its digests. Rejects with `registry_denied`, `registry_guarded`, `registry_unreachable`,
   * `image_invalid` or `not_found`; what had arrived of its layers is kept for the next pull.
   */
  pull(order: PullOrder, options?: CallOptions): Promise<HeldImage>;

  /** By name. */
  list(): Promise<readonly HeldImage[]>;

  /** `image`: a reference, a digest, or the first characters of one. */
  inspect(image: string): Promise<ImageDetails>;

  /** Takes the name away, or by a digest all names; and what no other name leads to. Resolves to the names. */
  remove(image: string): Promise<readonly string[]>;

  /** Reads what `docker save` writes, or an OCI layout in a tar. `name`: for an archive of one image that has no name of its own. */
  load(
    archive: Readable,
    options?: CallOptions & { readonly name?: string | undefined },
  ): Promise<readonly HeldImage[]>;

  /** Makes it bootable and a template of it for that machine type, so that launches of it cost what those of the base image do. */
  warm(image: string, machineName: string): Promise<void>;

  /** A tar that is both. */
  save(image: string): Promise<Readable>;
}
