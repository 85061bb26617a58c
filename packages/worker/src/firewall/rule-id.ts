/**
 * Names a rule by what it says. Connections that an fqdn rule let in carry the id as their mark, and its addresses lie in sets of that name: both outlive a change
 * of the policy that keeps the rule, and mean nothing after one that does not.
 */
import type { FirewallRule } from "@fastvm/contract";
import { createHash } from "node:crypto";

/** Eight hexadecimal digits, never all zero: that is the mark of connections that have none. */
export function ruleId({ action, kind, value, protocol, ports }: FirewallRule): string {
  const digest = createHash("sha256").update([action, kind, value, protocol, ports].join(" ")).digest("hex");
  const id = digest.slice(0, 8);
  return id === "00000000" ? "00000001" : id;
}
