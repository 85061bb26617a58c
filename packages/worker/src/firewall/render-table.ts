/**
 * The table and its VMs as text for nft.
 *
 *   prerouting   from_vms   counts `sent`, asks the map `from_vm` by device, drops what comes back from the VM's chains and what has none
 *   postrouting  to_vms     the same for what goes to a VM, by the map `to_vm`
 *   postrouting  delivered  counts `received`: only what was let through comes here
 *
 * Each VM has `vm<index>_from` and `_to`, which tell the direction of the connection, and `_egress` and `_ingress` with the rules of the policy. Counts of a VM are
 * those of its element in the sets `sent`, `received` and `dropped`, which no change of its policy touches.
 */
import type { NetworkPolicy } from "@fastvm/contract";
import { GUARDED_IPV4, GUARDED_IPV6 } from "../network/guarded-ranges.ts";
import type { FirewallGuest } from "./guest-port.ts";
import { formatAddress, parseAddress, parseNetwork, rangesWithout } from "./ip-network.ts";
import type { IpAddress, IpNetwork } from "./ip-network.ts";
import { DOH_IPV4, DOH_IPV6 } from "./known-doh-servers.ts";
import { learnedSet, renderEgress, renderIngress } from "./render-rules.ts";

export interface TableOptions {
  readonly instance: string;
  readonly group: number;
  readonly resolverPort: number;
  readonly vmPrefix: IpNetwork;
}

export const COUNTER_SETS = ["sent", "received", "dropped"] as const;
/** Every transaction of ours adds a number of its own to this set, so that who watches the table can tell ours from others'. */
export const OWN_CHANGES = "own_changes";
export const HOOKED_RULES: Readonly<Record<string, number>> = { from_vms: 8, to_vms: 7, delivered: 1 };
const VM_CHAINS = ["from", "to", "egress", "ingress"] as const;

export function tableName(instance: string): string {
  if (!/^[0-9a-f]{6}$/.test(instance))
    throw new Error(`${instance} is no instance of six hexadecimal digits`);
  return `inet fastvm_${instance}`;
}

/** The last line of each transaction. `mark` is eight hexadecimal digits, new for each. */
export function signature(table: string, mark: string): string {
  return `add element ${table} ${OWN_CHANGES} { 0x${mark} timeout 10s }\n`;
}

export function dropTable(table: string): string {
  // Deleting alone fails when there is none.
  return `add table ${table}\ndelete table ${table}\n`;
}

/** Everything but the VMs. Can be run again over a table that has VMs, and changes nothing for them. */
export function renderBase(options: TableOptions): string {
  const table = tableName(options.instance);
  const { group, vmPrefix } = options;
  const inside = `iifgroup ${group} oifgroup != ${group}`;
  // Whatever the network of now: VMs that were started under another keep their addresses.
  const uniqueLocal = `ip6 saddr fc00::/7 ${inside} masquerade`;
  return [
    `add table ${table}`,
    ...(["from_vm", "to_vm"] as const).map((map) => `add map ${table} ${map} { type ifname : verdict; }`),
    ...COUNTER_SETS.map((set) => `add set ${table} ${set} { type ifname; counter; }`),
    `add set ${table} ${OWN_CHANGES} { type mark; flags timeout; }`,
    // Without a size, which VMs could use up for each other: each has a bound of its own. What is out of date never matches, and is swept up now and then.
    ...([4, 6] as const).map(
      (family) =>
        `add set ${table} ${learnedSet(family)} { type ipv${family}_addr . mark . mark; flags timeout; gc-interval 60s; }`,
    ),
    ...filledSet(table, "guarded4", "type ipv4_addr; flags interval;", GUARDED_IPV4),
    ...filledSet(table, "guarded6", "type ipv6_addr; flags interval;", guardedIpv6(vmPrefix)),
    // The host answers to its network's broadcast address too, and as a router to each network's first one.
    ...filledSet(table, "host_kinds", "type fib_addrtype;", ["local", "broadcast", "anycast", "multicast"]),
    ...filledSet(table, "doh4", "type ipv4_addr;", DOH_IPV4),
    ...filledSet(table, "doh6", "type ipv6_addr;", DOH_IPV6),
    // Before destinations are translated and after sources are: a packet then still has, or has again, the addresses that the VM sees.
    ...chain(table, "from_vms", "type filter hook prerouting priority mangle", [
      `iifgroup != ${group} accept`,
      ...BETWEEN_NEIGHBOURS,
      "iifname @sent",
      "iifname vmap @from_vm",
      "iifname @dropped drop",
      "drop",
    ]),
    ...chain(table, "to_vms", "type filter hook postrouting priority srcnat + 10", [
      `oifgroup != ${group} accept`,
      ...BETWEEN_NEIGHBOURS,
      "oifname vmap @to_vm",
      "oifname @dropped drop",
      "drop",
    ]),
    ...chain(table, "delivered", "type filter hook postrouting priority srcnat + 20", [
      `oifgroup ${group} oifname @received`,
    ]),
    ...chain(table, "source_nat", "type nat hook postrouting priority srcnat", [
      `ip saddr 169.254.0.0/16 ${inside} masquerade`,
      uniqueLocal,
    ]),
    "",
  ].join("\n");
}

/** A VM's chains, new or again. Its maps' elements come last, when what they lead to is there. */
export function renderAttach(options: TableOptions, guest: FirewallGuest, policy: NetworkPolicy): string {
  const table = tableName(options.instance);
  const { index } = guest;
  const veth = requireVeth(guest.veth);
  return [
    ...VM_CHAINS.flatMap((name) => [
      `add chain ${table} vm${index}_${name}`,
      `flush chain ${table} vm${index}_${name}`,
    ]),
    ...rules(table, `vm${index}_from`, fromRules(guest, options.resolverPort)),
    ...rules(table, `vm${index}_to`, toRules(guest, options.resolverPort)),
    renderPolicy(options, index, policy),
    ...COUNTER_SETS.map((set) => `add element ${table} ${set} { "${veth}" }`),
    `add element ${table} from_vm { "${veth}" : jump vm${index}_from }`,
    `add element ${table} to_vm { "${veth}" : jump vm${index}_to }`,
    "",
  ].join("\n");
}

/** The policy of a VM that is attached; its counts of rules start anew. */
export function renderUpdate(options: TableOptions, index: number, policy: NetworkPolicy): string {
  const table = tableName(options.instance);
  return [
    `flush chain ${table} vm${index}_egress`,
    `flush chain ${table} vm${index}_ingress`,
    renderPolicy(options, index, policy),
    "",
  ].join("\n");
}

export function renderDetach(
  options: TableOptions,
  { index, veth }: Pick<FirewallGuest, "index" | "veth">,
): string {
  const table = tableName(options.instance);
  const device = requireVeth(veth);
  return [
    ...["from_vm", "to_vm", ...COUNTER_SETS].map((set) => `delete element ${table} ${set} { "${device}" }`),
    // First emptied: a chain that another leads to cannot go.
    ...VM_CHAINS.map((name) => `flush chain ${table} vm${index}_${name}`),
    ...VM_CHAINS.map((name) => `delete chain ${table} vm${index}_${name}`),
    "",
  ].join("\n");
}

/** Goes after the rules that no longer use the sets. */
export function renderSetsGone(options: TableOptions, sets: readonly string[]): string {
  return sets.map((set) => `delete set ${tableName(options.instance)} ${set}\n`).join("");
}

function renderPolicy({ instance }: TableOptions, index: number, policy: NetworkPolicy): string {
  const table = tableName(instance);
  return [
    ...rules(table, `vm${index}_egress`, renderEgress(index, policy)),
    ...rules(table, `vm${index}_ingress`, renderIngress(policy)),
  ].join("\n");
}

/** Twice what the resolver answers to one guest. */
const MAX_QUESTIONS_PER_SEC = 400;
const QUESTIONS_BURST = 800;

/**
 * Only a neighbour sends with this hop limit, and the neighbour is the namespace: what the guest sends was forwarded once. What else the two ends of the cable tell
 * each other, such as which multicast groups they listen to, concerns no VM.
 */
const BETWEEN_NEIGHBOURS: readonly string[] = [
  "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 accept",
  "icmpv6 type nd-neighbor-advert ip6 hoplimit 255 accept",
  "ip6 saddr fe80::/10 drop",
];
/** No rule of a VM has a set without a name: nft fetches every one there is, with its elements, whenever it lists a chain. */
/**
 * That a packet was too large, or its port closed, a VM must hear, whatever its rules say of ICMP. Such a message quotes some connection, and could carry anything beside it: so they are few and
 * short, and those that a VM sends are judged like any other packet.
 */
const RELATED_ERRORS: readonly string[] = ["icmp", "ipv6-icmp"].map(
  (protocol) =>
    `ct state related meta l4proto ${protocol} meta length <= 1280 limit rate 20/second burst 40 packets accept`,
);
/** The kernel's table of connections is everybody's: what one VM opens in the two minutes that an unanswered one stays must leave room. A datagram opens nothing that the kernel could tell from the next. */
const TOO_MANY_NEW =
  "tcp flags & (fin | syn | rst | ack) == syn limit rate over 250/second burst 2000 packets return";

function fromRules(guest: FirewallGuest, resolverPort: number): readonly string[] {
  const { index } = guest;
  const { ipv4, hostIpv4, publicIpv6 } = addressesOf(guest);
  return [
    `ip saddr != ${ipv4} return`,
    `ip6 saddr != ${publicIpv6} return`,
    TOO_MANY_NEW,
    // The resolver has a limit of its own, which costs the daemon a wake-up for each packet.
    `ip daddr ${hostIpv4} udp dport ${resolverPort} limit rate over ${MAX_QUESTIONS_PER_SEC}/second burst ${QUESTIONS_BURST} packets return`,
    ...(["udp", "tcp"] as const).map(
      (protocol) => `ip saddr ${ipv4} ip daddr ${hostIpv4} ${protocol} dport ${resolverPort} accept`,
    ),
    "ct state invalid return",
    `ct direction reply goto vm${index}_ingress`,
    // The namespace has led to our resolver what it could; this asks another.
    "udp dport 53 return",
    "tcp dport 53 return",
    `goto vm${index}_egress`,
  ];
}

function toRules(guest: FirewallGuest, resolverPort: number): readonly string[] {
  const { index } = guest;
  const { ipv4, hostIpv4, publicIpv6 } = addressesOf(guest);
  return [
    `ip daddr != ${ipv4} return`,
    `ip6 daddr != ${publicIpv6} return`,
    ...(["udp", "tcp"] as const).map(
      (protocol) =>
        `ct direction reply ip saddr ${hostIpv4} ip daddr ${ipv4} ${protocol} sport ${resolverPort} accept`,
    ),
    "ct state invalid return",
    ...RELATED_ERRORS,
    `ct direction reply goto vm${index}_egress`,
    `goto vm${index}_ingress`,
  ];
}

function chain(table: string, name: string, hook: string, body: readonly string[]): readonly string[] {
  return [
    `add chain ${table} ${name} { ${hook}; policy accept; }`,
    `flush chain ${table} ${name}`,
    ...rules(table, name, body),
  ];
}

function rules(table: string, name: string, body: readonly string[]): readonly string[] {
  return body.map((rule) => `add rule ${table} ${name} ${rule}`);
}

function filledSet(
  table: string,
  name: string,
  kind: string,
  elements: readonly string[],
): readonly string[] {
  return [
    `add set ${table} ${name} { ${kind} }`,
    `flush set ${table} ${name}`,
    `add element ${table} ${name} { ${elements.join(", ")} }`,
  ];
}

/** Other VMs are not guarded: their own rules decide about what comes to them. */
function guardedIpv6(vmPrefix: IpNetwork): readonly string[] {
  return GUARDED_IPV6.flatMap((text) => {
    const range = parseNetwork(text);
    return range === undefined ? [] : rangesWithout(range, vmPrefix);
  });
}

function addressesOf(guest: FirewallGuest): Record<"ipv4" | "hostIpv4" | "publicIpv6", string> {
  return {
    ipv4: formatAddress(requireAddress(guest.ipv4)),
    hostIpv4: formatAddress(requireAddress(guest.hostIpv4)),
    publicIpv6: formatAddress(requireAddress(guest.publicIpv6)),
  };
}

function requireAddress(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${JSON.stringify(text)} is no address`);
  return address;
}

function requireVeth(name: string): string {
  // The kernel allows 15 bytes; these need no quoting anywhere.
  if (!/^[a-zA-Z0-9_-]{1,15}$/.test(name)) throw new Error(`${JSON.stringify(name)} is no device name`);
  return name;
}
