/** What a worker is told to enforce: the policy that was written, with one rule for each service. */
import type { FirewallRule, InterceptionPolicy, NetworkPolicy, Service } from "@fastvm/contract";
import { namesInForce } from "./names-in-force.ts";
import { policyOf } from "./policy.ts";
import type { WrittenInterception, WrittenNetwork } from "../../store/vm-settings.ts";

const HTTP_PORT = 80;

/** What of a VM's record decides about its network. */
export interface NetworkRecord {
  /** Absent: nobody wrote a policy. */
  readonly network: WrittenNetwork | undefined;
  readonly services: readonly Service[];
  readonly interception?: WrittenInterception | undefined;
}

/** With the names that follow from it. The services' rules stand last: what was written decides first. */
export function networkPolicyOf({ network, services, interception }: NetworkRecord): NetworkPolicy {
  const policy = policyOf(network);
  const rules = [...policy.ingress.rules, ...services.map((service) => ruleOf(service))];
  return {
    ...policy,
    ingress: { ...policy.ingress, rules },
    dns: namesInForce(policy),
    ...(interception !== undefined && { interception: interceptionPolicyOf(interception) }),
  };
}

/** Where there are secrets plain HTTP is looked at, too: a placeholder that goes out that way is to be noticed. */
function interceptionPolicyOf({ tls, secrets }: WrittenInterception): InterceptionPolicy {
  const ports = secrets.length === 0 ? tls.ports : [...tls.ports, HTTP_PORT];
  return { ports: [...new Set(ports)], blockQuic: tls.blockQuic };
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
