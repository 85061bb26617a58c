/** What the API of sandboxes answers beyond the types that others have written down, and what a sandbox is asked for with. */
import type {
  CloudCreateSandboxRequest,
  CloudSandbox,
  NetworkSpec,
  SandboxPolicy,
  SandboxResources,
  SandboxRuntimeOptions,
  SandboxSpec,
} from "./types.ts";

type Nested = "name" | "image" | "resources" | "runtime" | "network" | "lifecycle";

/** A `SandboxSpec` of which all but name and image may be left out. */
type PartialSpec = Pick<SandboxSpec, "name" | "image"> &
  Partial<Omit<SandboxSpec, Nested>> & {
    resources?: Partial<SandboxResources>;
    runtime?: Partial<SandboxRuntimeOptions>;
    network?: Partial<NetworkSpec>;
    lifecycle?: Partial<SandboxPolicy>;
  };

/** Either form; what is left out has its default. An image by its reference is the flat one. */
export type SandboxOrder =
  | PartialSpec
  | (Pick<CloudCreateSandboxRequest, "name" | "image"> & Partial<CloudCreateSandboxRequest>);

export interface SandboxSnapshot {
  readonly id: string;
  readonly name: string;
  /** `null` when it is gone. */
  readonly source_sandbox: string | null;
  readonly kind: "full";
  readonly status: "creating" | "ready" | "error";
  readonly labels: Readonly<Record<string, string>>;
  /** SHA-256 of what its files are; `null` where that was not asked for. */
  readonly integrity: string | null;
  readonly created_at: string;
}

export interface VerifiedSnapshot {
  readonly verified: boolean;
  readonly differing: readonly string[];
}

export interface ForkedSandbox {
  readonly name: string;
  readonly sandbox: CloudSandbox | null;
  /** Why there is none. */
  readonly error: string | null;
}

export interface SandboxVolume {
  readonly id: string;
  readonly name: string | null;
  readonly kind: "managed" | "host";
  readonly status: "active" | "deleting";
  readonly used_bytes: number | null;
  readonly capacity_bytes: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface SandboxMetrics {
  readonly interval_ms: number;
  /** Oldest first. */
  readonly samples: readonly {
    readonly timestamp: string;
    /** Of one processor of the host. */
    readonly cpu_percent: number;
    readonly vcpu_time_ns: number;
    readonly memory_bytes: number;
    readonly memory_host_resident_bytes: number;
    readonly memory_limit_bytes: number;
    readonly uptime_ms: number | null;
    readonly upper_host_allocated_bytes: number;
    readonly net_rx_bytes: number | null;
    readonly net_tx_bytes: number | null;
  }[];
}
