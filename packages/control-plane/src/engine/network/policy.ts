/** What a VM may reach and who may reach it, as it was written: in nobody's words, every default filled in. */
import type { DirectionPolicy, DnsPolicy, RateLimit } from "@fastvm/contract";

export interface WrittenPolicy {
  readonly ingress: DirectionPolicy;
  readonly egress: DirectionPolicy & { readonly rateLimit?: RateLimit };
  /** Absent where nobody wrote it: then it follows from egress, whatever that becomes (`namesInForce`). */
  readonly dns?: DnsPolicy;
}

/** What a record keeps: the policy, and beside it how its writer would show it. Both change together. */
export interface WrittenNetwork {
  readonly policy: WrittenPolicy;
  readonly presentation: Presentation;
}

/** Belongs to the API that wrote the policy. Everybody else passes it on and never looks into it. */
export interface Presentation {
  readonly api: string;
  /** JSON. */
  readonly value: unknown;
}

export const DEFAULT_POLICY: WrittenPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "allow", rules: [] },
};

/** What a `dns` that was written leaves out. */
export const EVERY_NAME: DnsPolicy = { mode: "deny", domains: [], blockBypass: false };

export function policyOf(network: WrittenNetwork | undefined): WrittenPolicy {
  return network?.policy ?? DEFAULT_POLICY;
}
