/** The firewall as it is kept: in the dialect in which it was written, every default filled in. */
import type { Firewall, FirewallAction, FirewallRule, LegacyFirewall, RateLimit } from "@fastvm/contract";

export interface RulesPolicy {
  readonly ingress: { readonly default: FirewallAction; readonly rules: FirewallRule[] };
  readonly egress: {
    readonly default: FirewallAction;
    readonly rules: FirewallRule[];
    readonly rateLimit?: RateLimit;
  };
  /** Absent where nobody wrote it: then it follows from egress, whatever that becomes (`namesInForce`). */
  readonly dns?: NamesPolicy;
}

export interface NamesPolicy {
  readonly mode: FirewallAction;
  readonly domains: string[];
  readonly blockBypass: boolean;
}

export type StoredFirewall =
  | { readonly dialect: "rules"; readonly policy: RulesPolicy }
  | {
      readonly dialect: "legacy";
      readonly policy: Required<LegacyFirewall>;
      /** What the older dialect cannot say and a change in it left as it was. */
      readonly kept?: Pick<RulesPolicy, "egress" | "dns">;
    };

export const DEFAULT_POLICY: RulesPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "allow", rules: [] },
};

/** What a `dns` that was written leaves out. */
export const EVERY_NAME: NamesPolicy = { mode: "deny", domains: [], blockBypass: false };

/** `base` has what the policy leaves out: the default for a new policy, the old one for a change. */
export function fillIn(policy: Firewall, base: RulesPolicy): RulesPolicy {
  const { ingress, egress } = policy;
  const dns = policy.dns === undefined ? base.dns : { ...EVERY_NAME, ...policy.dns };
  return {
    ingress: ingress === undefined ? base.ingress : { default: ingress.default, rules: ingress.rules ?? [] },
    egress: egress === undefined ? base.egress : fillInEgress(egress),
    ...(dns === undefined ? {} : { dns }),
  };
}

function fillInEgress({
  rules = [],
  rateLimit,
  ...rest
}: NonNullable<Firewall["egress"]>): RulesPolicy["egress"] {
  return { default: rest.default, rules, ...(rateLimit === undefined ? {} : { rateLimit }) };
}
