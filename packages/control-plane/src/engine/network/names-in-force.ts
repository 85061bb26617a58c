/**
 * Which names a VM may ask for. A question carries what its asker likes to whoever serves the name, so where egress lets
 * out only what rules name, names that no rule mentions are closed as well, unless the policy's `dns` says otherwise.
 */
import type { DnsPolicy, FirewallRule, WrittenPolicy } from "@fastvm/contract";
import { familyOf, isWholeFamily } from "./cidr.ts";
import { EVERY_NAME } from "./policy.ts";

export function namesInForce({ egress, dns }: Pick<WrittenPolicy, "egress" | "dns">): DnsPolicy {
  if (dns !== undefined) return dns;
  const end = egress.default === "deny" ? egress.rules.length : endOfReach(egress.rules);
  if (end === undefined) return EVERY_NAME;
  const named = egress.rules
    .slice(0, end)
    .filter(({ kind, action }) => kind === "fqdn" && action === "allow");
  return { mode: "allow", domains: [...new Set(named.map(({ value }) => value))], blockBypass: false };
}

/**
 * How many rules there are until all of both families is denied, whatever the default:
 * what stands behind is never asked. `undefined` when it never is.
 */
function endOfReach(rules: readonly FirewallRule[]): number | undefined {
  const denied = new Set<number>();
  for (const [index, { action, kind, value, protocol }] of rules.entries()) {
    const deniesFamily = action === "deny" && kind === "cidr" && protocol === "any" && isWholeFamily(value);
    if (deniesFamily) denied.add(familyOf(value));
    if (denied.size === 2) return index;
  }
  return undefined;
}
