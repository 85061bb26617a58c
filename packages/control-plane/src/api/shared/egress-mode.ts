/**
 * A dialect that knows egress alone and IPv4 alone, of both APIs: `allow_all`, `deny_all` or `custom`. It becomes rules on its way in, in
 * a form that can be told from them again: no rules; no rules and no names; denials, then permissions, all of them for every protocol.
 */
import { DEFAULT_POLICY, familyOf, isWholeFamily } from "../../engine/engine.ts";
import {
  FastvmError,
  MAX_FIREWALL_RULES,
  type EgressMode,
  type FirewallRule,
  type WrittenPolicy,
} from "@fastvm/contract";
import type { DnsPolicy, RateLimit } from "@fastvm/contract";

type Egress = WrittenPolicy["egress"];

/** Nothing is answered, and nobody else may be asked. */
const NO_NAMES: DnsPolicy = { mode: "allow", domains: [], blockBypass: true };

/** A mode that does not exist is one too, so that it is refused and not taken for something harmless. */
export function hasEgressMode({ egress }: Readonly<Record<string, unknown>>): boolean {
  return typeof egress === "object" && egress !== null && Object.hasOwn(egress, "mode");
}

/**
 * The two blocks that it decides about. `given` and `before` are what the request and the record say of names; no request opens `deny_all`,
 * and leaving it opens what it had closed. No `dns` is one that follows from egress. `at` is where the egress stands in the request.
 */
export function egressRules(
  egress: EgressMode,
  given: Partial<DnsPolicy> | undefined,
  before: DnsPolicy | undefined,
  at: string,
): { readonly egress: Egress; readonly dns?: Partial<DnsPolicy> } {
  const limit = rateLimitOf(egress, at);
  const limited = limit === undefined ? {} : { rateLimit: limit };
  if (egress.mode === "deny_all")
    return { egress: { default: "deny", rules: [], ...limited }, dns: NO_NAMES };
  const dns = given ?? (isClosed(before) ? undefined : before);
  return { egress: { ...reach(egress, at), ...limited }, ...(dns === undefined ? {} : { dns }) };
}

function reach({ mode, allow_cidrs, deny_cidrs }: EgressMode, at: string): Egress {
  const allowed = networkRules("allow", allow_cidrs ?? [], `${at}.allow_cidrs`);
  const denied = networkRules("deny", deny_cidrs ?? [], `${at}.deny_cidrs`);
  if (mode === "allow_all") {
    if (allowed.length + denied.length === 0) return DEFAULT_POLICY.egress;
    throw invalid(`${at}.mode`, "networks need the mode custom");
  }
  const rules = [...denied, ...allowed];
  if (rules.length > MAX_FIREWALL_RULES) {
    throw invalid(at, `${rules.length} networks are more than the ${MAX_FIREWALL_RULES} there may be`);
  }
  return { default: allowed.length > 0 ? "deny" : "allow", rules };
}

/** One for each IPv4 network. */
export function networkRules(action: "allow" | "deny", cidrs: readonly string[], at: string): FirewallRule[] {
  for (const [index, cidr] of cidrs.entries()) {
    if (familyOf(cidr) === 4) continue;
    const quoted = JSON.stringify(cidr.slice(0, 80));
    throw invalid(`${at}.${index}`, `${quoted} is not an IPv4 network such as 192.0.2.0/24`);
  }
  // Who denies all that this dialect can name does not mean to leave IPv6 open.
  const values = action === "deny" && cidrs.some((cidr) => isWholeFamily(cidr)) ? [...cidrs, "::/0"] : cidrs;
  return values.map((value) => ({ action, kind: "cidr", value, protocol: "any", ports: "any" }));
}

function rateLimitOf({ rate_limit }: EgressMode, at: string): RateLimit | undefined {
  if (rate_limit === undefined || rate_limit === null) return undefined;
  const kbitPerSec = rate_limit.kbit_per_sec ?? undefined;
  const packetsPerSec = rate_limit.pps ?? undefined;
  const burst = rate_limit.burst ?? undefined;
  const tail = burst === undefined ? {} : { burst };
  if (kbitPerSec !== undefined && packetsPerSec === undefined) return { kbitPerSec, ...tail };
  if (packetsPerSec !== undefined && kbitPerSec === undefined) return { packetsPerSec, ...tail };
  throw invalid(`${at}.rate_limit`, "give exactly one of kbit_per_sec and pps");
}

function isClosed(dns: DnsPolicy | undefined): boolean {
  return dns?.mode === "allow" && dns.domains.length === 0;
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field });
}
