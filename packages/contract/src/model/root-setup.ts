/** What is done to an image's root before it boots for the first time, and how its processes are to be. A template is of both. */

/** In the kernel's order: a resource's number is its place. */
export const RESOURCES = [
  ...["cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as"],
  ...["locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"],
] as const;

/** What a process may take of something; beyond 2^53 there is no limit. */
export interface ResourceLimit {
  /** One of `RESOURCES`. */
  readonly resource: string;
  readonly soft: number;
  readonly hard: number;
}

/** Paths are absolute, without `..`. What is above them is made, and what is there stays unless it may be replaced. */
export type RootPatch =
  | {
      readonly kind: "write";
      readonly path: string;
      /** Base64. */
      readonly content: string;
      readonly mode: number;
      readonly replace: boolean;
    }
  | { readonly kind: "symlink"; readonly target: string; readonly path: string; readonly replace: boolean }
  /** A folder that is there stays as it is. */
  | { readonly kind: "mkdir"; readonly path: string; readonly mode: number }
  /** With all that is in it; what is not there is no failure. */
  | { readonly kind: "remove"; readonly path: string }
  /** Of a file or a folder of the host, where its operator lets images come from or VMs mount. */
  | {
      readonly kind: "copy";
      readonly source: string;
      readonly path: string;
      readonly isFolder: boolean;
      /** Of a file; default: as the host has it. */
      readonly mode?: number;
      readonly replace: boolean;
    }
  /** To a regular file that is there. */
  | { readonly kind: "append"; readonly path: string; readonly content: string };

/** Who is process 1. */
export interface InitHandoff {
  /** Absolute; or `auto`: the image's own, if it has one. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface RootSetup {
  /** In this order. */
  readonly patches: readonly RootPatch[];
  /** Of every process. */
  readonly limits: readonly ResourceLimit[];
  readonly init?: InitHandoff;
  /** Commands get no new privileges, and are without CAP_SYS_ADMIN. */
  readonly restricted: boolean;
  /** What the host trusts is trusted beside the authorities of the image. */
  readonly trustsHostAuthorities?: boolean;
}
