/** What a life of a VM begins with, and when it ends. A VM that is paused and resumed has several. */
import type { TtlAction } from "../model/ttl.ts";

export interface VmIdentity {
  /** At most 63 characters of `[a-z0-9-]`. */
  readonly hostname: string;
  /** Visible to every command run in the VM. */
  readonly envVars: Readonly<Record<string, string>>;
  /** Public keys that may log in as root, one line each. */
  readonly authorizedKeys: readonly string[];
}

/** A time to live, counted from the moment at which the VM runs. */
export interface VmTtl {
  readonly remainingMs: number;
  readonly action: TtlAction;
}

export interface VmDeadline {
  /** Milliseconds since 1970. One that has passed takes effect at once. */
  readonly atMs: number;
  readonly action: TtlAction;
}
