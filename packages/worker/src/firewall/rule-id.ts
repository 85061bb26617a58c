/**
 * Names a rule by what it says. Connections that an fqdn rule let in carry the id as their mark, and its addresses lie in sets of that name: both outlive a change
 * of the policy that keeps the rule, and mean nothing after one that does not.
 */
import type { FirewallRule } from "@fastvm/contract";
import { createHash } from "node:crypto";

/** A policy of hundreds of rules is read several times over while it is put in force. */
const known = new WeakMap<FirewallRule, string>();

/** Eight hexadecimal digits, never all zero: that is the mark of connections that have none. */
export function ruleId(rule: FirewallRule): string {
  const id = known.get(rule) ?? digest(rule);
  known.set(rule, id);
  return id;
}

function digest({ action, kind, value, protocol, ports }: FirewallRule): string {
  const text = [action, kind, value, protocol, ports].join(" ");
  const id = createHash("sha256").update(text).digest("hex").slice(0, 8);
  return id === "00000000" ? "00000001" : id;
}
