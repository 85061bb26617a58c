/**
 * Names a rule by what it says. Connections that an fqdn rule let in carry the id as their mark: it
 * outlives a change of the policy that keeps the rule, and means nothing after one that does not.
 */
import type { FirewallRule } from "@fastvm/contract";
import { createHash } from "node:crypto";

/** Names what the rules of one name and action share: the addresses that the name stands for. */
export function nameId(rule: FirewallRule): string {
  const id = knownNames.get(rule) ?? digest(["name", rule.action, rule.value]);
  knownNames.set(rule, id);
  return id;
}

/** A policy of hundreds of rules is read several times over while it is put in force. */
const known = new WeakMap<FirewallRule, string>();
const knownNames = new WeakMap<FirewallRule, string>();

/** Eight hexadecimal digits, never all zero: that is the mark of connections that have none. */
export function ruleId(rule: FirewallRule): string {
  const { action, kind, value, protocol, ports } = rule;
  const id = known.get(rule) ?? digest([action, kind, value, protocol, ports]);
  known.set(rule, id);
  return id;
}

function digest(parts: readonly string[]): string {
  const id = createHash("sha256").update(parts.join(" ")).digest("hex").slice(0, 8);
  return id === "00000000" ? "00000001" : id;
}
