/**
 * A policy document as the engine's. There what no rule opens by its very network is closed anyway: private networks, the host and
 * its metadata; all but those is this API's group `public`. What the engine cannot say exactly is refused by its name, never widened or
 * narrowed.
 *
 * What comes in comes by published ports alone, as the engine lets in nobody by itself: those rules are in `publication.ts`.
 */
import {
  MAX_FIREWALL_RULES,
  type DnsPolicy,
  type FirewallRule,
  type SandboxSpec,
  type WrittenPolicy,
} from "@fastvm/contract";
import { EVERY_NAME, familyOf, isMapped, isWholeFamily, normalizePattern } from "../../../engine/engine.ts";
import { invalid } from "./invalid.ts";

type Document = NonNullable<NonNullable<SandboxSpec["network"]>["policy"]>;
type Rule = NonNullable<Document["rules"]>[number];
type Target = Pick<FirewallRule, "kind" | "value" | "sparesGuarded">;

const ANY_WAY = { action: "allow", protocol: "any", ports: "any" } as const;

const AT = "network.policy";
const WORLD = ["0.0.0.0/0", "::/0"];
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];
const METADATA = ["169.254.169.254/32"];
/** Without the metadata's address. */
const LINK_LOCAL = [...networksAround("169.254.169.254", 16), "fe80::/10"];
/** What no default opens, and no rule but by its name: with the world it is all that a guest can send to. */
const GUARDED = [...PRIVATE, ...LINK_LOCAL, ...METADATA];
const GROUPS = {
  private: PRIVATE,
  metadata: METADATA,
  link_local: LINK_LOCAL,
  // Both never leave the guest's link, whatever is said of them.
  loopback: ["127.0.0.0/8", "::1/128"],
  multicast: ["224.0.0.0/4", "ff00::/8"],
} as const;
const DNS_PORT = 53;
export const HTTPS_PORT = 443;
const PROTOCOLS = ["tcp", "udp", "icmpv4", "icmpv6"] as const;

/** HTTPS over TCP, and over UDP. */
export type HttpsProtocol = "tcp" | "udp";

/** `blind`: over which HTTPS that a name alone would open is closed, as nothing here looks at whose it is. */
export function policyOfDocument(document: Document, blind: readonly HttpsProtocol[] = []): WrittenPolicy {
  const rules: FirewallRule[] = [];
  let names: DnsPolicy | undefined;
  for (const [index, rule] of (document.rules ?? []).entries()) {
    const at = `${AT}.rules.${index}`;
    if (rule.direction === "ingress") continue;
    if (asksForNames(rule)) names ??= { ...EVERY_NAME, domains: namesIn(rules, "deny") };
    else rules.push(...rulesOf(rule, at).flatMap((one) => withoutBlindHttps(one, blind)));
  }
  if (document.default_egress === "allow") {
    names ??= { ...EVERY_NAME, domains: namesIn(rules, "deny") };
    rules.push(...networks([...WORLD, ...GUARDED]).map((target) => ({ ...target, ...ANY_WAY })));
  }
  if (rules.length > MAX_FIREWALL_RULES)
    throw invalid(`${AT}.rules`, `become ${rules.length} of the ${MAX_FIREWALL_RULES} rules there may be`);
  return {
    ingress: { default: "deny", rules: [] },
    egress: { default: "deny", rules },
    dns: names ?? { mode: "allow", domains: namesIn(rules, "allow"), blockBypass: false },
  };
}

/** Who may ask the gateway may ask for every name; that it answers on port 53 holds for every VM. */
function asksForNames({ action, destination, ports = [], protocols = [] }: Rule): boolean {
  const isHost = typeof destination === "object" && "group" in destination && destination.group === "host";
  const isDns = ports.length === 1 && ports[0]?.start === DNS_PORT && ports[0].end === DNS_PORT;
  const isBoth = protocols.length === 0 || (protocols.includes("udp") && protocols.includes("tcp"));
  return isHost && isDns && isBoth && action === "allow";
}

/** A rule that opens a name, without the port of HTTPS; any other as it is. */
function withoutBlindHttps(rule: FirewallRule, blind: readonly HttpsProtocol[]): readonly FirewallRule[] {
  if (blind.length === 0 || rule.kind !== "fqdn" || rule.action === "deny") return [rule];
  const protocols = rule.protocol === "any" ? PROTOCOLS : [rule.protocol];
  return protocols.flatMap((protocol): FirewallRule[] => {
    if (!blind.some((one) => one === protocol)) return [{ ...rule, protocol }];
    const [first = 1, last = first] = rule.ports === "any" ? [1, 65_535] : rule.ports.split("-").map(Number);
    if (last < HTTPS_PORT || first > HTTPS_PORT) return [{ ...rule, protocol }];
    const around = [
      [first, HTTPS_PORT - 1],
      [HTTPS_PORT + 1, last],
    ] as const;
    return around
      .filter(([from, to]) => from <= to)
      .map(([from, to]) => ({ ...rule, protocol, ports: from === to ? String(from) : `${from}-${to}` }));
  });
}

function namesIn(rules: readonly FirewallRule[], action: FirewallRule["action"]): string[] {
  const named = rules.filter((rule) => rule.kind === "fqdn" && rule.action === action);
  return [...new Set(named.map(({ value }) => value))];
}

function rulesOf(rule: Rule, at: string): FirewallRule[] {
  const { action } = rule;
  const reaches = reachesOf(rule, at);
  return targetsOf(rule, `${at}.destination`).flatMap((target) =>
    reaches.map((reach) => ({ action, ...target, ...reach })),
  );
}

/** Rules with ports speak of no ICMP: of that alone, of nothing. */
function reachesOf(
  { protocols = [], ports = [] }: Rule,
  at: string,
): Pick<FirewallRule, "protocol" | "ports">[] {
  for (const { start, end } of ports)
    if (start < 1 || start > end) throw invalid(`${at}.ports`, "must go from 1 on, and upwards");
  const ranges = ports.map(({ start, end }) => (start === end ? String(start) : `${start}-${end}`));
  const spoken = PROTOCOLS.filter((protocol) => protocols.length === 0 || protocols.includes(protocol));
  if (ranges.length === 0) {
    const names = spoken.length === PROTOCOLS.length ? (["any"] as const) : spoken;
    return names.map((protocol) => ({ protocol, ports: "any" }));
  }
  return spoken
    .filter((protocol) => protocol === "tcp" || protocol === "udp")
    .flatMap((protocol) => ranges.map((range) => ({ protocol, ports: range })));
}

function targetsOf({ destination, action }: Rule, at: string): Target[] {
  if (destination === "any") return networks(action === "deny" ? WORLD : [...WORLD, ...GUARDED]);
  if ("cidr" in destination) return networksOf(destination.cidr, action, at);
  if ("domain" in destination) return [nameOf(destination.domain, at)];
  if ("domain_suffix" in destination) {
    const apex = nameOf(destination.domain_suffix, at);
    return [apex, { kind: "fqdn", value: `*.${apex.value}` }];
  }
  const { group } = destination;
  // Broad, and so it opens nothing that is guarded.
  if (group === "public")
    return networks(WORLD).map((world) => (action === "deny" ? { ...world, sparesGuarded: true } : world));
  if (group !== "host") return networks(GROUPS[group]);
  throw invalid(at, "the group host is its name server alone: port 53, allowed, of UDP and TCP");
}

/** A network of IPv4 but for one address, in as few as there can be. */
function networksAround(address: string, prefix: number): readonly string[] {
  const hole = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return Array.from({ length: 32 - prefix }, (_, at) => {
    const length = prefix + at + 1;
    const size = 2 ** (32 - length);
    const start = Math.floor(hole / size) * size;
    const beside = Math.floor(start / size) % 2 === 0 ? start + size : start - size;
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(beside / 2 ** shift) % 256);
    return `${bytes.join(".")}/${length}`;
  });
}

function networks(values: readonly string[]): Target[] {
  return values.map((value) => ({ kind: "cidr", value }));
}

/** Of a whole family that is allowed all of it is, also what the engine opens by its name alone. */
function networksOf(cidr: string, action: Rule["action"], at: string): Target[] {
  const family = familyOf(cidr);
  if (family === 0 || isMapped(cidr)) throw invalid(at, "must be a network such as 192.0.2.0/24");
  const isWhole = action === "allow" && isWholeFamily(cidr);
  return networks([cidr, ...(isWhole ? GUARDED.filter((other) => familyOf(other) === family) : [])]);
}

function nameOf(name: string, at: string): Target {
  const value = name.includes("*") ? undefined : normalizePattern(name);
  if (value === undefined) throw invalid(at, "must be a name of two labels or more, such as example.com");
  return { kind: "fqdn", value };
}
