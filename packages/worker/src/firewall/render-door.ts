/**
 * The second door: what a VM's policy lets through at most, in a table of the VM's own namespace. Whoever flushes the
 * host's tables does not reach it, so that until ours is put back nothing passes but what the policy could allow.
 *
 *   forward   door     asks `judge`, drops and counts what comes back from there
 *             judge    leads by the connection's direction to
 *             egress   the rules of egress; of a name's addresses nothing is known here, so a rule by
 *                      name is one for its ports and whatever is not guarded
 *             ingress  the rules of ingress
 *
 * What is dropped here the host's table does not see, or has let through; so the counts of both are added up (door-report.ts).
 *
 * A namespace is made, ahead, with the door of the default policy; so only other policies cost a command.
 */
import type { NetworkPolicy } from "@fastvm/contract";
import { GUARDED_IPV4 } from "../ip/guarded-ranges.ts";
import { doorsCommand } from "./counters.ts";
import type { FirewallGuest } from "./guest-port.ts";
import type { IpNetwork } from "../ip/ip-network.ts";
import { dohAddresses, guardedIpv6 } from "./render-table.ts";
import { renderBypass, renderIngress, renderOutermostEgress } from "./render-rules.ts";

export interface DoorOptions {
  readonly resolverPort: number;
  readonly vmPrefix: IpNetwork;
}

/** Of the namespace, beside `inet fastvm`, which translates addresses. */
const TABLE = "inet fastvm_door";
/** The counter of all that was dropped. */
export const DROPPED = "dropped";
const TAP = "tap0";
const UPLINK = "uplink";

export const DEFAULT_DOOR: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "allow", rules: [] },
  dns: { mode: "deny", domains: [], blockBypass: false },
};

/** In place of what there is, in one transaction; the counts of rules start anew, that of all that was dropped goes on. */
export function renderDoor(
  { hostIpv4 }: Pick<FirewallGuest, "hostIpv4">,
  policy: NetworkPolicy,
  { resolverPort, vmPrefix }: DoorOptions,
): string {
  const resolver = `meta l4proto { tcp, udp } th`;
  const doh = dohAddresses();
  const bypass = policy.dns.blockBypass
    ? {
        sets: [...filledSet("doh4", "ipv4_addr", doh[4]), ...filledSet("doh6", "ipv6_addr", doh[6])],
        rules: renderBypass("return"),
      }
    : { sets: [], rules: [] };
  const sets = [
    ...filledSet("guarded4", "ipv4_addr", GUARDED_IPV4),
    ...filledSet("guarded6", "ipv6_addr", guardedIpv6(vmPrefix)),
    ...bypass.sets,
  ];
  return `add table ${TABLE}
flush table ${TABLE}
${sets.join("\n")}
table ${TABLE} {
  counter ${DROPPED} { }
  chain egress {
${lines([...bypass.rules, ...renderOutermostEgress(policy)])}
  }
  chain ingress {
${lines(renderIngress(policy))}
  }
  chain judge {
    ct state invalid return
    oifname "${TAP}" ct state related meta l4proto { icmp, icmpv6 } accept
    iifname "${TAP}" ip daddr ${hostIpv4} ${resolver} dport ${resolverPort} accept
    oifname "${TAP}" ip saddr ${hostIpv4} ${resolver} sport ${resolverPort} accept
${lines(renderConnectionLimit(policy))}
    iifname "${TAP}" ct direction original goto egress
    iifname "${UPLINK}" ct direction reply goto egress
    goto ingress
  }
  chain door {
    type filter hook forward priority filter; policy drop;
    jump judge
    counter name ${DROPPED}
  }
}
`;
}

/** The kernel forgets what has ended, and what a later rule drops. A policy that is put in place of another counts anew. */
function renderConnectionLimit({ maxConnections }: NetworkPolicy): readonly string[] {
  if (maxConnections === undefined) return [];
  const begun = `iifname "${TAP}" ct direction original meta l4proto tcp ct state new`;
  return [`${begun} ct count over ${maxConnections} counter name ${DROPPED} reject with tcp reset`];
}

/** A shell command that puts it there. */
export function doorCommand(guest: FirewallGuest, policy: NetworkPolicy, options: DoorOptions): string {
  return `${within(guest)} nft -f - <<'EOF'
${renderDoor(guest, policy, options)}EOF`;
}

/** A shell command that prints it with its counts, for `readDoor`. */
export function listDoorCommand(guest: FirewallGuest): string {
  return `${within(guest)} nft -j list table ${TABLE}`;
}

/** A shell command that prints what those of many have dropped, for `readDoors`. */
export function droppedCommand(guests: readonly Pick<FirewallGuest, "namespace">[]): string {
  return doorsCommand(
    TABLE,
    DROPPED,
    guests.map((guest) => namespaceOf(guest)),
  );
}

function filledSet(name: string, type: string, elements: readonly string[]): readonly string[] {
  return [
    `add set ${TABLE} ${name} { type ${type}; flags interval; }`,
    `flush set ${TABLE} ${name}`,
    `add element ${TABLE} ${name} { ${elements.join(", ")} }`,
  ];
}

function lines(rules: Iterable<string>): string {
  return [...rules].map((rule) => `    ${rule}`).join("\n");
}

function within(guest: FirewallGuest): string {
  return `nsenter --net=/run/netns/${namespaceOf(guest)}`;
}

function namespaceOf({ namespace }: Pick<FirewallGuest, "namespace">): string {
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(namespace)) return namespace;
  throw new Error(`${JSON.stringify(namespace)} is no namespace`);
}
