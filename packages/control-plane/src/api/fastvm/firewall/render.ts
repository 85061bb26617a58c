/** Shows a firewall to the client that asks, in the dialect it understands. */
import { networkPolicyOf, policyOf, type WrittenNetwork } from "../../../engine/engine.ts";
import type { IncomingHttpHeaders } from "node:http";
import type { DnsPolicy, Firewall, LegacyFirewall, Service, WrittenPolicy } from "@fastvm/contract";
import { asLegacy, legacyOf } from "./convert.ts";
import { writtenAs } from "./presentation.ts";

/**
 * `rules` and `legacy`: clients that know one dialect. `modern`: a client that knows both sees a policy as it was written, what was
 * computed in the newer one. `unknown`: a client that says nothing is taken for an old one until it writes a policy.
 */
export type Dialect = "rules" | "legacy" | "modern" | "unknown";

/** The first versions of the generated clients that speak the newer dialect. */
const FIRST_WITH_RULES: Readonly<Record<string, readonly [number, number]>> = { js: [0, 7], python: [0, 5] };

/** Our flat clients, which have no words for the newer dialect. */
const LEGACY_AGENT = /^fastvm-flat-(js|python)\//;
/** Clients of today. */
const MODERN_AGENT = /^(fastvm-sdk-js|fastvm-sdk-python|curl)\//;

export function dialectOf(headers: IncomingHttpHeaders): Dialect {
  const language = String(headers["x-stainless-lang"] ?? "");
  const version = /^(\d+)\.(\d+)/.exec(String(headers["x-stainless-package-version"] ?? ""));
  const first = FIRST_WITH_RULES[language];
  if (version === null || first === undefined) {
    const agent = headers["user-agent"] ?? "";
    if (LEGACY_AGENT.test(agent)) return "legacy";
    return MODERN_AGENT.test(agent) ? "modern" : "unknown";
  }
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > first[0] || (major === first[0] && minor >= first[1]) ? "rules" : "legacy";
}

export function renderFirewall(
  network: WrittenNetwork | undefined,
  dialect: Dialect,
): Firewall | LegacyFirewall {
  const written = writtenAs(network)?.dialect ?? (dialect === "modern" ? "rules" : "legacy");
  const shown = dialect === "rules" || dialect === "legacy" ? dialect : written;
  return shown === "rules" ? firewallView(policyOf(network)) : asLegacy(network);
}

/** The policy and one rule for each service, through which the proxy comes in. */
export function renderEffectiveFirewall(
  network: WrittenNetwork | undefined,
  services: readonly Service[],
  dialect: Dialect,
): Firewall | LegacyFirewall {
  const effective = networkPolicyOf({ network, services });
  const inRules =
    dialect === "rules" ||
    dialect === "modern" ||
    (dialect === "unknown" && writtenAs(network)?.dialect === "rules");
  return inRules ? firewallView(effective) : legacyOf(effective);
}

export function firewallView({ ingress, egress, dns }: WrittenPolicy): Firewall {
  return {
    ingress: { ...ingress, rules: [...ingress.rules] },
    egress: { ...egress, rules: egress.rules.map(({ sparesGuarded: _not, ...rule }) => rule) },
    ...(dns === undefined ? {} : { dns: namesView(dns) }),
  };
}

/** Of whom names are asked is in no dialect of this API. */
function namesView({ mode, domains, blockBypass }: DnsPolicy): NonNullable<Firewall["dns"]> {
  return { mode, domains: [...domains], blockBypass };
}
