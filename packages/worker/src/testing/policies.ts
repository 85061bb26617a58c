/** Short ways to write policies and targets in tests. */
import type { FirewallRule, NetworkPolicy } from "@fastvm/contract";
import type { Target } from "./network-lab.ts";

export const LAB_PORT = 8080;

export function rule(value: string, fields: Partial<FirewallRule> = {}): FirewallRule {
  // No network has letters after f, and no name of these tests goes without.
  const kind = /[g-z]/.test(value) ? "fqdn" : "cidr";
  return { action: "allow", kind, value, protocol: "any", ports: "any", ...fields };
}

export function policy(
  egress: readonly FirewallRule[],
  ingress: readonly FirewallRule[] = [],
  more: Partial<{
    egressDefault: "allow" | "deny";
    ingressDefault: "allow" | "deny";
    blockBypass: boolean;
  }> = {},
): NetworkPolicy {
  return {
    egress: { default: more.egressDefault ?? "deny", rules: egress },
    ingress: { default: more.ingressDefault ?? "deny", rules: ingress },
    dns: { mode: "deny", domains: [], blockBypass: more.blockBypass ?? false },
  };
}

export const tcp = (address: string, port = LAB_PORT): Target => ({ protocol: "tcp", address, port });
export const udp = (address: string, port = LAB_PORT): Target => ({ protocol: "udp", address, port });
