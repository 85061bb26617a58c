/**
 * Images made of a Dockerfile, in a VM of nobody that has no other purpose. A build belongs to the daemon that began it: what of it is
 * under way when that one ends has ended with it, and the next one knows nothing of it and has left nothing of it.
 */
import type { OrgId } from "../model/ids.ts";
import type { NetworkPolicy } from "../model/network-policy.ts";
import type { CallOptions } from "./call-options.ts";
import type { ImageSettings } from "./image-holding.ts";

export interface ImageBuilds {
  /**
   * Begins a build under an id that the caller chose, and does not wait for it. Rejects with `conflict` when the id is taken, with
   * `out_of_capacity` when as many are under way as may be; whatever else goes wrong is how the build ends.
   */
  start(order: BuildOrder): Promise<void>;

  /**
   * What happened from an event on, the first being 0, then what happens, then exactly one `ended`, which is the last. Nothing that a
   * reader does touches the build. Rejects with `not_found`.
   */
  follow(buildId: string, fromEvent: number, options?: CallOptions): Promise<AsyncIterable<BuildEvent>>;

  /** Resolves when the build has ended and nothing of it runs any more, by this or by itself. Rejects with `not_found`. */
  cancel(buildId: string): Promise<void>;

  /** Those under way, and those that ended, until they are forgotten. A build that is not among them has ended with its daemon. */
  list(): Promise<readonly BuildState[]>;

  /** Cancels a build if it has not ended, and lets go of what is known of it; its image stays. Resolves also when there is none. */
  forget(buildId: string): Promise<void>;
}

export interface BuildOrder {
  /** A UUID. */
  readonly buildId: string;
  /** Whose caches and images it uses, and no others. */
  readonly orgId: OrgId;
  /** As text, instead of whatever the context has of that name; or where it is in the context. */
  readonly dockerfile: { readonly text: string } | { readonly path: string };
  /** Without one it is empty. */
  readonly context?: BuildContext;
  /** The stage to stop at, by its name or number; else the last one. */
  readonly target?: string;
  readonly args?: Readonly<Record<string, string>>;
  /** For `RUN --mount=type=secret,id=…`, by that id. In no layer, no log and no cache. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** What its commands may reach. Base images come through the host, whatever this says. */
  readonly network: NetworkPolicy;
  /**
   * What names of base images mean to this organisation, by name in full the digest of an image that is here. Of all other names their
   * registries are asked, each time, whether it may have them.
   */
  readonly images?: Readonly<Record<string, string>>;
  /** For base images of these registries. Never in the VM, and kept nowhere. */
  readonly credentials?: readonly RegistryLogin[];
  /** Nothing of earlier builds is used. */
  readonly noCache?: boolean;
}

interface BuildContext {
  /** Of a file on the worker's host, which is the caller's to remove once the build has ended. Nothing on the host looks into it. */
  readonly path: string;
  readonly format: "tar.gz" | "zip";
}

export interface RegistryLogin {
  /** As references name it: `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/**
 * In this order. `preparing`: a VM that builds, for the first time on a host also what that is restored from; `fetch_context`: the context
 * goes in and is unpacked; `pull`: the base images; `build`: the steps of the Dockerfile; `export`: layers out of the VM; `applying`: a
 * root file system of them. `skipped` when there is nothing to do.
 */
export type BuildPhase = "preparing" | "fetch_context" | "pull" | "build" | "export" | "applying";

export type BuildEvent = { readonly atMs: number } & (
  | { readonly kind: "phase"; readonly phase: BuildPhase; readonly status: BuildPhaseStatus }
  /** A line that the build printed, without its end. Longer ones than 4 KiB come in parts; after 4 MiB in all no more are told. */
  | { readonly kind: "log"; readonly line: string }
  | { readonly kind: "ended"; readonly outcome: BuildOutcome }
);

export type BuildPhaseStatus = "started" | "completed" | "failed" | "skipped" | "cancelled";

export type BuildOutcome =
  | { readonly status: "succeeded"; readonly image: BuiltImage; readonly steps: BuildSteps }
  | {
      readonly status: "failed";
      /** Whose doing it was: that of the order, of a registry, or of this host. */
      readonly fault: "order" | "registry" | "host";
      /** For people; of a step that failed its last lines. At most 4 KiB of UTF-8. */
      readonly error: string;
    }
  | { readonly status: "cancelled" };

/** Bootable already: a launch of it makes a template at most. */
export interface BuiltImage {
  /** A name of the build's own, `localhost/build/ID:latest`, which keeps it here until the caller removes it. */
  readonly reference: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly settings: ImageSettings;
}

/** Instructions of the Dockerfile, in all stages that were needed. */
export interface BuildSteps {
  readonly ran: number;
  /** Taken from an earlier build. */
  readonly cached: number;
}

export interface BuildState {
  readonly buildId: string;
  readonly orgId: OrgId;
  readonly startedAtMs: number;
  /** The last that was begun. */
  readonly phase: BuildPhase;
  /** Absent while it is under way. */
  readonly outcome?: BuildOutcome;
  /** How many there were so far. */
  readonly events: number;
}
