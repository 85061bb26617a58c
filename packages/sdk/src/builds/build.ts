/** What is said to a build and what it says. */
import type { FirewallInput } from "../firewall/firewall-policy.ts";
import type { MachineType } from "../vms/vm.ts";

/** Needs `imageRef`, `dockerfileContent`, or a context with a Dockerfile in it. */
export interface CreateBuildParams {
  /** Of the snapshot. Default: the tag, else the build's id. */
  readonly name?: string | undefined;
  readonly imageRef?: string | undefined;
  /** The text of a Dockerfile. */
  readonly dockerfileContent?: string | undefined;
  /** Where in the context the Dockerfile is, when its text is not given. Default `Dockerfile`. */
  readonly dockerfilePath?: string | undefined;
  /** Of a `tar.gz` or ZIP that was PUT where `buildContexts.presign` said. Good for one build. */
  readonly contextDownloadUrl?: string | undefined;
  readonly machineType?: MachineType | undefined;
  /** Default 10. */
  readonly diskGiB?: number | undefined;
  /** The stage to stop at. Default: the last one. */
  readonly target?: string | undefined;
  readonly buildArgs?: Readonly<Record<string, string>> | undefined;
  /** For `RUN --mount=type=secret`, by id. In no image, log or record. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
  /** Keeps the image under this name, for `image` of a launch. */
  readonly tag?: string | undefined;
  /** Whether to use nothing of earlier builds. Default false. */
  readonly noCache?: boolean | undefined;
  /** What the build's commands may reach; VMs of the snapshot have it too. */
  readonly firewall?: FirewallInput | null | undefined;
}

export interface Build {
  readonly id: string;
  /** `pending`, `running`, `completed`, `failed`; another means in progress. */
  readonly status: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly imageRef: string;
  readonly name?: string;
  readonly tag?: string;
  /** Of a build that is completed. */
  readonly snapshotId?: string;
  readonly imageDigest?: string;
  /** Instructions that ran, and those taken of an earlier build. */
  readonly steps?: { readonly ran: number; readonly cached: number };
  readonly progress?: string;
  /** Why it failed. */
  readonly error?: string;
}

/** A build, or its id, the unique beginning of one, or a name, which means the newest of that name. */
export type BuildRef = string | { readonly id: string };

export function buildIdOf(build: BuildRef): string {
  return typeof build === "string" ? build : build.id;
}

export interface BuildLog {
  /** What it has printed so far; of one that has ended the last 256 KiB. */
  readonly log: string;
  readonly status: string;
}

export type BuildEvent =
  | { readonly type: "log"; readonly line: string }
  /** As `progress` of a build. */
  | { readonly type: "progress"; readonly progress: string }
  /** The last one. */
  | BuildEndEvent;

export interface BuildEndEvent {
  readonly type: "end";
  readonly status: string;
  readonly snapshotId?: string;
  readonly error?: string;
}
