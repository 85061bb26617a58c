/** What a worker without VMs knows of each. */
import type {
  EndCause,
  NetworkPolicy,
  ResumeOptions,
  VmDeadline,
  VmSpec,
  WorkerVmStatus,
} from "@fastvm/contract";

export interface FakeVm {
  status: WorkerVmStatus;
  spec: VmSpec | undefined;
  reason?: string | undefined;
  /** It rebooted, and nobody has started it yet. */
  restarts?: boolean | undefined;
  cause?: EndCause | undefined;
  /** A failure leaves it. */
  hasDisk?: boolean;
  generation?: number;
  deadline?: VmDeadline | undefined;
  /** As they lie in the guest. */
  authorizedKeys?: readonly string[];
  /** In force while it runs, kept while it does not. */
  network?: NetworkPolicy;
}

/** What each of its lives begins with. */
export function lifeOf({
  ttl,
  identity,
  network,
  generation = 1,
}: Pick<ResumeOptions, "ttl" | "identity" | "network" | "generation">) {
  return {
    generation,
    ...(network === undefined ? {} : { network }),
    deadline: ttl === undefined ? undefined : { atMs: Date.now() + ttl.remainingMs, action: ttl.action },
    ...(identity === undefined ? {} : { authorizedKeys: identity.authorizedKeys }),
  };
}

/** The `nth` rule has seen n packets of 100 bytes each. */
export const hits = (nth: number) => ({ packets: nth, bytes: nth * 100 });
