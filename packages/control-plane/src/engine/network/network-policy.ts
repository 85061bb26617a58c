/** What a worker is told to enforce: the policy that was written, with one rule for each service. */
import type { FirewallRule, NetworkPolicy, Service } from "@fastvm/contract";
import { namesInForce } from "./names-in-force.ts";
import { policyOf } from "./policy.ts";
import type { WrittenNetwork } from "../../store/vm-settings.ts";

/** What of a VM's record decides about its network. */
export interface NetworkRecord {
  /** Absent: nobody wrote a policy. */
  readonly network: WrittenNetwork | undefined;
  readonly services: readonly Service[];
}

/** With the names that follow from it. The services' rules stand last: what was written decides first. */
export function networkPolicyOf({ network, services }: NetworkRecord): NetworkPolicy {
  const policy = policyOf(network);
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
