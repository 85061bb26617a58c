/** What a worker is told to enforce: the policy that was written, whatever its dialect, with one rule for each service. */
import type { FirewallRule, Service } from "@fastvm/contract";
import { asRules } from "../../api/fastvm/firewall/convert.ts";
import { namesInForce } from "./names-in-force.ts";
import type { NamesPolicy, RulesPolicy, StoredFirewall } from "./policy.ts";

/** With the names that follow from it. */
export type EffectivePolicy = RulesPolicy & { readonly dns: NamesPolicy };

/** What of a VM's record decides about its network. */
export interface NetworkRecord {
  readonly firewall: StoredFirewall | undefined;
  readonly services: readonly Service[];
}

/** The services' rules stand last: what was written decides first. */
export function networkPolicyOf({ firewall, services }: NetworkRecord): EffectivePolicy {
  const policy = asRules(firewall);
  const rules = [...policy.ingress.rules, ...services.map((service) => ruleOf(service))];
  return { ...policy, ingress: { ...policy.ingress, rules }, dns: namesInForce(policy) };
}

function ruleOf({ name, port }: Service): FirewallRule {
  return {
    action: "allow",
    kind: "cidr",
    value: "::/0",
    protocol: "tcp",
    ports: String(port),
    description: `auto: proxy service ${name}`,
  };
}
