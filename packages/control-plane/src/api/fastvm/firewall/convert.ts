/** From one dialect to the other. The older one knows only which ports are open to which IPv6 networks. */
import { policyOf, type WrittenNetwork } from "../../../engine/engine.ts";
import type {
  FirewallAction,
  FirewallRule,
  LegacyFirewall,
  LegacyFirewallRule,
  WrittenPolicy,
} from "@fastvm/contract";
import { writtenAs } from "./presentation.ts";

const ANY_SOURCE = "::/0";

/** What the older dialect says of a policy; of the rest it says nothing. */
export function ingressOf({ mode, ingress }: Required<LegacyFirewall>): WrittenPolicy["ingress"] {
  return { default: actionOf(mode), rules: ingress.flatMap((rule) => modernise(rule)) };
}

export function actionOf(mode: LegacyFirewall["mode"]): FirewallAction {
  return mode === "open" ? "allow" : "deny";
}

function modernise(rule: LegacyFirewallRule): FirewallRule[] {
  const sources = rule.sourceCidrs ?? [];
  const end = rule.portEnd ?? rule.portStart;
  return (sources.length === 0 ? [ANY_SOURCE] : sources).map((value) => ({
    action: "allow",
    kind: "cidr",
    value,
    protocol: rule.protocol,
    ports: end === rule.portStart ? String(end) : `${rule.portStart}-${end}`,
    ...(rule.description === undefined ? {} : { description: rule.description }),
  }));
}

/** What the older dialect cannot say (denials, IPv4, egress, DNS) it does not show. */
export function asLegacy(network: WrittenNetwork | undefined): Required<LegacyFirewall> {
  const written = writtenAs(network);
  return written?.dialect === "legacy" ? written.policy : legacyOf(policyOf(network));
}

export function legacyOf({ ingress }: WrittenPolicy): Required<LegacyFirewall> {
  const shown = ingress.rules.filter((rule) => rule.action === "allow" && rule.value.includes(":"));
  return {
    mode: ingress.default === "allow" ? "open" : "restricted",
    ingress: shown.flatMap((rule) => antiquate(rule)),
  };
}

function antiquate(rule: FirewallRule): LegacyFirewallRule[] {
  const [start = 1, end = start] =
    rule.ports === "any" ? [1, 65_535] : rule.ports.split("-").map((port) => Number(port));
  const spoken = (["tcp", "udp"] as const).filter((one) => rule.protocol === "any" || rule.protocol === one);
  return spoken.map((protocol) => ({
    protocol,
    portStart: start,
    ...(end === start ? {} : { portEnd: end }),
    ...(rule.value === ANY_SOURCE ? {} : { sourceCidrs: [rule.value] }),
    ...(rule.description === undefined ? {} : { description: rule.description }),
  }));
}
