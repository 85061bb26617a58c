/** The ports of the host that a specification publishes, and who may connect to them: the rules of its policy for what comes in. */
import { isIP } from "node:net";
import type { PeerRule, Publication, PublishedPort, SandboxSpec } from "@fastvm/contract";
import { familyOf, isMapped } from "../../../engine/engine.ts";
import { invalid } from "./invalid.ts";

type Network = NonNullable<SandboxSpec["network"]>;
type Document = NonNullable<Network["policy"]>;
type Rule = NonNullable<Document["rules"]>[number];
type Destination = Exclude<Rule["destination"], string>;
type Group = Extract<Destination, { group: string }>["group"];

const AT = "network.policy.rules";
const LOOPBACK = "127.0.0.1";
const ANYBODY = ["0.0.0.0/0", "::/0"];

const GROUPS: Readonly<Record<Group, PeerRule["peers"]>> = {
  public: "public",
  loopback: ["127.0.0.0/8", "::1/128"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"],
  link_local: ["169.254.0.0/16", "fe80::/10"],
  metadata: ["169.254.169.254/32"],
  multicast: ["224.0.0.0/4", "ff00::/8"],
  // Whoever connects from the host comes from its loopback.
  host: ["127.0.0.0/8", "::1/128"],
};

/** `undefined`: none. */
export function publicationOf(network: Network): Publication | undefined {
  const ports = (network.ports ?? []).map(portOf);
  const rules = (network.policy?.rules ?? []).flatMap((rule, index) =>
    rule.direction === "egress" ? [] : peerRulesOf(rule, `${AT}.${index}`),
  );
  if (ports.length === 0) return undefined;
  if (network.enabled === false) throw invalid("network.ports", "needs a network that is enabled");
  const seen = new Set<string>();
  for (const [index, { protocol, address, hostPort }] of ports.entries()) {
    const place = `${protocol} ${address} ${hostPort}`;
    if (seen.has(place)) throw invalid(`network.ports.${index}.host_port`, "is published twice");
    seen.add(place);
  }
  // Who says nothing of a policy lets in everybody who can reach the port; a document that leaves it out, nobody.
  const isOpen = network.policy === undefined || network.policy === null;
  return { ports, default: isOpen ? "allow" : (network.policy?.default_ingress ?? "deny"), rules };
}

function portOf(port: NonNullable<Network["ports"]>[number], index: number): PublishedPort {
  const address = port.host_bind ?? LOOPBACK;
  if (isIP(address) === 0 || address.includes("%"))
    throw invalid(`network.ports.${index}.host_bind`, "must be an address of the host");
  return { address, hostPort: port.host_port, guestPort: port.guest_port, protocol: port.protocol ?? "tcp" };
}

/** None for what no published port can be asked by: protocols without ports, and names in a rule that is for what goes out as well. */
function peerRulesOf(
  { action, destination, direction, protocols = [], ports = [] }: Rule,
  at: string,
): PeerRule[] {
  if (direction === "any" && isName(destination)) return [];
  const spoken = protocols.filter((protocol) => protocol === "tcp" || protocol === "udp");
  const peers = peersOf(destination, `${at}.destination`);
  if (protocols.length > 0 && spoken.length === 0) return [];
  return [
    { action, peers, protocols: spoken, ports: ports.map(({ start, end }) => ({ first: start, last: end })) },
  ];
}

function isName(destination: Rule["destination"]): boolean {
  return typeof destination === "object" && ("domain" in destination || "domain_suffix" in destination);
}

function peersOf(destination: Rule["destination"], at: string): PeerRule["peers"] {
  if (destination === "any") return ANYBODY;
  if ("group" in destination) return GROUPS[destination.group];
  if (!("cidr" in destination)) throw invalid(at, "is a name: who connects is known by an address alone");
  if (familyOf(destination.cidr) === 0 || isMapped(destination.cidr))
    throw invalid(at, "must be a network such as 192.0.2.0/24");
  return [destination.cidr];
}
