/** Whether a policy names a guarded address, so that the resolver may hand it out. */
import type { NetworkPolicy } from "@fastvm/contract";
import { contains, parseAddress, parseNetwork } from "./ip-network.ts";
import { isBroad } from "./render-rules.ts";

/** True when a rule by network lets the VM reach it, on some port, though it is guarded. */
export function allowsGuarded(policy: NetworkPolicy, text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined) return false;
  for (const rule of policy.egress.rules) {
    const network = rule.kind === "cidr" ? parseNetwork(rule.value) : undefined;
    if (network === undefined || !contains(network, address)) continue;
    if (rule.action === "deny" && rule.protocol === "any") return false;
    if (rule.action === "allow" && !isBroad(network)) return true;
  }
  return false;
}
