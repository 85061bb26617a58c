/** Images of registries and archives that a host keeps, by the names that people gave them. What is in them nobody has looked at yet. */
import type { Readable } from "node:stream";
import type { OrgId } from "../model/ids.ts";
import type { CallOptions } from "./call-options.ts";

/**
 * Whose an image is: an organisation's, or everybody's, as whoever runs the host brings them. An organisation sees its own and
 * everybody's; its own name comes first. Nothing tells of any other, whose blobs it gets only where its own pull may have them.
 */
export type ImageOwner = OrgId | "everybody";

/** `if-missing`: asks nobody when it is here whole. `always`: asks what the name means now. `never`: asks nobody at all. */
type PullPolicy = "if-missing" | "always" | "never";

export interface PullOrder {
  /** For whom; default: everybody. */
  readonly owner?: ImageOwner | undefined;
  /** As people write it: `python:3.13-slim`, `registry.example.com:5000/team/app@sha256:…`. */
  readonly reference: string;
  readonly policy: PullPolicy;
  /** For this pull alone; kept nowhere. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
}

export type ReadinessProbe =
  /** Something listens there. */
  | { readonly kind: "port"; readonly port: number }
  /** Inside the VM: `http://127.0.0.1:8080/health`. */
  | { readonly kind: "http"; readonly url: string }
  /** By the shell; ready when it exits with 0. */
  | { readonly kind: "command"; readonly command: string };

/** What runs already in every VM of an image, since it ran when its template was captured. */
export interface ImageStart {
  /** By the shell, as root. */
  readonly command: string;
  /** Absent: it is ready once it was begun. */
  readonly ready?: ReadinessProbe | undefined;
  /** For the command to be begun, and for it to be ready. */
  readonly timeoutSec: number;
}

export interface HeldImage {
  readonly owner: ImageOwner;
  /** In full, with registry and tag: `docker.io/library/python:3.13-slim`. */
  readonly reference: string;
  /** Of the manifest for this platform, which names everything else by digest. */
  readonly digest: string;
  /** `linux/amd64`. */
  readonly platform: string;
  /** Of configuration and layers as they are kept, most of them compressed. */
  readonly sizeBytes: number;
  readonly pulledAtMs: number;
  /** It came from a registry; what was built here or came in an archive nobody else may have. */
  readonly isPulled?: boolean;
  /** Of this name, whatever it means after another pull. */
  readonly start?: ImageStart | undefined;
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

export interface LoadOptions extends CallOptions {
  /** For an archive of one image that has no name of its own. */
  readonly name?: string | undefined;
  /** For whom; default: everybody. */
  readonly owner?: ImageOwner | undefined;
}

export type DiskFormat = "raw" | "qcow2" | "vmdk";

/** What is no image yet. */
export interface ImportOrder {
  /** Of a folder or a file of the worker's host, in a folder that its operator lets images come from. */
  /** For whom; default: everybody. */
  readonly owner?: ImageOwner | undefined;
  readonly path: string;
  /** A file is read as this, whatever it looks like. */
  readonly format: "folder" | DiskFormat;
  /** Of a disk: the kind of file system that is meant, where there are several. */
  readonly fstype?: string | undefined;
  readonly name: string;
}

export interface ImageHolding {
  /**
   * Brings an image here, checked against its digests. Rejects with `registry_denied`, `registry_guarded`, `registry_unreachable`,
   * `image_invalid` or `not_found`; what had arrived of its layers is kept for the next pull.
   */
  pull(order: PullOrder, options?: CallOptions): Promise<HeldImage>;

  /** By name: what that one sees; of nobody, all of all. */
  list(owner?: ImageOwner): Promise<readonly HeldImage[]>;

  /** `image`: a reference, a digest, or the first characters of one; as `owner`, by default everybody, sees them. */
  inspect(image: string, owner?: ImageOwner): Promise<ImageDetails>;

  /** Takes the owner's name away, or by a digest all of its names; and what no other name leads to. Resolves to the names. */
  remove(image: string, owner?: ImageOwner): Promise<readonly string[]>;

  /** Reads what `docker save` writes, or an OCI layout in a tar. What the archive lacks the owner must have. */
  load(archive: Readable, options?: LoadOptions): Promise<readonly HeldImage[]>;

  /**
   * Makes an image of one layer of a folder, or of the first root file system on a disk. Rejects with `invalid_request` when it may not be
   * read, with `image_invalid` for a disk that is not what the format says, or is a part of one.
   */
  import(order: ImportOrder, options?: CallOptions): Promise<HeldImage>;

  /** What VMs of that name begin with from now on; absent: nothing. Templates are made anew for it; VMs that run are left alone. */
  setStart(image: string, start: ImageStart | undefined, owner?: ImageOwner): Promise<HeldImage>;

  /** Makes it bootable and a template of it for that machine type, so that launches of it cost what those of the base image do. */
  warm(image: string, machineName: string, owner?: ImageOwner): Promise<void>;

  /** A tar that is both. */
  save(image: string, owner?: ImageOwner): Promise<Readable>;
}
