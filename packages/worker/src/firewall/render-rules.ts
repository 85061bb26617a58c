/**
 * A policy as nft rules. They look at the connection's first packet (`ct original`), whichever way a packet
 * goes, so that every packet is judged by the policy of now and a flow that it forbids is cut. A packet is let
 * through by `accept`; whatever returns from a VM's chains is dropped by the base chain and counted there.
 */
import type { FirewallAction, FirewallRule, NetworkPolicy } from "@fastvm/contract";
import { foreignForms, otherForms } from "../ip/address-forms.ts";
import { GUARDED_IPV4, GUARDED_IPV6 } from "../ip/guarded-ranges.ts";
import { containsNetwork, formatNetwork, isSingleAddress, parseNetwork } from "../ip/ip-network.ts";
import type { Family, IpNetwork } from "../ip/ip-network.ts";
import { formatPorts, parsePorts } from "./port-range.ts";
import { nameId, ruleId } from "./rule-id.ts";

export type Direction = "ingress" | "egress";

const GUARDED: readonly IpNetwork[] = [...GUARDED_IPV4, ...GUARDED_IPV6].flatMap(
  (range) => parseNetwork(range) ?? [],
);

const PROTOCOLS = { tcp: "tcp", udp: "udp", icmpv4: "icmp", icmpv6: "icmpv6" } as const;

const KEYWORD: Readonly<Record<Family, "ip" | "ip6">> = { 4: "ip", 6: "ip6" };

/**
 * The set of all that rules by name learned: an address, the VM's index and the rule's
 * id. One for all VMs, since nft fetches every set there is on each run.
 */
export function learnedSet(family: Family): string {
  return `learned${family}`;
}

export function* renderIngress(policy: NetworkPolicy): Generator<string> {
  for (const [position, rule] of policy.ingress.rules.entries()) {
    yield* renderNetworkRule(rule, "ingress", position);
  }
  yield decide("ingress", "default", policy.ingress.default);
}

/** To all but the host itself. */
export function* renderEgress(index: number, policy: NetworkPolicy): Generator<string> {
  for (const [position, rule] of policy.egress.rules.entries()) {
    if (rule.kind === "fqdn") yield* renderNameRule(rule, index, position);
    else yield* renderNetworkRule(rule, "egress", position);
  }
  yield* renderEgressDefault(policy);
}

/**
 * The most that a policy lets out, for where nothing is known of what names mean: a rule
 * that allows one is for its ports, and for whatever is not guarded.
 */
export function* renderOutermostEgress(policy: NetworkPolicy): Generator<string> {
  for (const [position, rule] of policy.egress.rules.entries()) {
    if (rule.kind === "cidr") yield* renderNetworkRule(rule, "egress", position);
    else if (rule.action === "allow") {
      const ending = decide("egress", position, rule.action);
      for (const family of [4, 6] as const)
        yield `${familyMatch(family)}${transport(rule)}${guard(family)} ${ending}`;
    }
  }
  yield* renderEgressDefault(policy);
}

function* renderEgressDefault({ egress }: NetworkPolicy): Generator<string> {
  const otherwise = decide("egress", "default", egress.default);
  if (egress.default === "deny") yield otherwise;
  else for (const family of [4, 6] as const) yield `${familyMatch(family)}${guard(family)} ${otherwise}`;
}

/**
 * Egress to the host itself, which the default does not reach. Of the rules that allow something only those with exactly one address count.
 */
export function* renderHost(index: number, policy: NetworkPolicy): Generator<string> {
  for (const [position, rule] of policy.egress.rules.entries()) {
    const denies = rule.action === "deny";
    if (rule.kind === "fqdn") {
      if (denies) yield* renderNameRule(rule, index, position);
    } else if (denies || isSingleAddress(requireNetwork(rule))) {
      yield* renderNetworkRule(rule, "egress", position);
    }
  }
}

/**
 * What goes around the resolver. One port and one protocol in each: in a set of protocols
 * nft takes ports for numbers of the host's byte order.
 */
export function renderBypass(verdict: string): readonly string[] {
  return (["tcp", "udp"] as const).flatMap((protocol) => [
    `meta l4proto ${protocol} ct original proto-dst 853 ${verdict}`,
    ...([4, 6] as const).map(
      (family) =>
        `${familyMatch(family)} meta l4proto ${protocol} ct original proto-dst 443 ` +
        `ct original ${KEYWORD[family]} daddr @doh${family} ${verdict}`,
    ),
  ]);
}

/** A network that names nothing guarded in particular, and so lets nobody in there. */
export function isBroad(network: IpNetwork): boolean {
  return !isSingleAddress(network) && !GUARDED.some((range) => containsNetwork(range, network));
}

/** What is denied is so in all its forms, or a translator on the way would be the way round. What is allowed is what was written. */
function renderNetworkRule(rule: FirewallRule, direction: Direction, position: number): readonly string[] {
  const network = requireNetwork(rule);
  const forms = rule.action === "deny" ? otherForms(network) : [];
  // A translator makes the other family's of it.
  const other: FirewallRule = rule.protocol === "icmpv4" ? { ...rule, protocol: "icmpv6" } : rule;
  return [
    renderForm(rule, network, direction, position),
    ...forms.map((form) => renderForm(other, form, direction, position)),
    ...renderForeign(other, network, direction, position),
  ];
}

/** Who spares what is guarded means those who are named later, and not everybody that another form may lead to. */
function renderForeign(
  { sparesGuarded, ...rule }: FirewallRule,
  network: IpNetwork,
  direction: Direction,
  position: number,
): readonly string[] {
  if (sparesGuarded !== true) return [];
  return foreignForms(network).map((form) => renderForm(rule, form, direction, position));
}

function renderForm(rule: FirewallRule, network: IpNetwork, direction: Direction, position: number): string {
  const end = direction === "ingress" ? "saddr" : "daddr";
  const { family } = network;
  const address =
    network.prefixLength === 0 ? "" : ` ct original ${KEYWORD[family]} ${end} ${formatNetwork(network)}`;
  const opens = direction === "egress" && rule.action === "allow";
  const guarding = rule.sparesGuarded === true ? guard(family) : opens ? guardAgainst(network) : "";
  const match = `${familyMatch(family)}${address}${transport(rule)}${guarding}`;
  return `${match} ${decide(direction, position, rule.action)}`;
}

function renderNameRule(rule: FirewallRule, index: number, position: number): readonly string[] {
  const id = ruleId(rule);
  const ending = decide("egress", position, rule.action);
  const known = (family: Family): string =>
    `${familyMatch(family)} ct original ${KEYWORD[family]} daddr . ${constant(index.toString(16))} . ` +
    `${constant(nameId(rule))} @${learnedSet(family)}${transport(rule)}`;
  if (rule.action === "deny") return ([4, 6] as const).map((family) => `${known(family)} ${ending}`);
  return [
    // An open connection lives on when the address has left the set, for as long as the rule is there.
    `ct mark 0x${id}${transport(rule)} ${ending}`,
    ...([4, 6] as const).map((family) => `${known(family)}${guard(family)} ct mark set 0x${id} ${ending}`),
  ];
}

/** A number as part of a key, where nft takes none: all bits of some mark, replaced. The packet's mark is neither looked at nor changed. */
function constant(hex: string): string {
  return `(meta mark & 0x0 | 0x${hex})`;
}

function familyMatch(family: Family): string {
  return `meta nfproto ipv${family}`;
}

/** A rule names a guarded network by lying inside of it. */
function guardAgainst(network: IpNetwork): string {
  return isBroad(network) ? guard(network.family) : "";
}

function guard(family: Family): string {
  return ` ct original ${KEYWORD[family]} daddr != @guarded${family}`;
}

function transport({ protocol, ports }: FirewallRule): string {
  const range = parsePorts(ports);
  const hasPorts = protocol === "tcp" || protocol === "udp";
  if (range === undefined || (!hasPorts && range !== "any")) {
    throw new Error(`A rule has the ports ${JSON.stringify(ports)} of the protocol ${protocol}`);
  }
  if (protocol === "any") return "";
  const port = range === "any" ? "" : ` ct original proto-dst ${formatPorts(range)}`;
  return ` meta l4proto ${PROTOCOLS[protocol]}${port}`;
}

/** The comment is how the count is found again; nft wants it last. */
function decide(direction: Direction, position: number | "default", action: FirewallAction): string {
  return `counter ${action === "allow" ? "accept" : "return"} comment "${direction} ${position}"`;
}

function requireNetwork({ value, kind }: FirewallRule): IpNetwork {
  const network = kind === "cidr" ? parseNetwork(value) : undefined;
  if (network === undefined) throw new Error(`A rule has ${JSON.stringify(value)} for a network`);
  return network;
}
