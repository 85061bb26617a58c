/**
 * The table without its VMs as text for nft.
 *
 *   prerouting   from_vms   counts `sent`, asks `from_guest`, drops and counts what comes back from there
 *   prerouting   intercept  after that: leads what a VM's policy has intercepted to its proxy
 *   postrouting  to_vms     the same for what goes to a VM, by `to_guest`
 *   postrouting  delivered  counts `received`: only what was let through comes here
 *
 * `from_guest` and `to_guest` hold what is the same for all VMs; what differs they look up by device,
 * in sets and maps that have an element for each VM (render-vm.ts). Counts of a VM are those of its
 * elements in the sets `sent`, `received` and `dropped`, which no change of its policy touches.
 *
 * With each transaction nft reads the list of all chains, and the kernel looks through all rules
 * again, from each that leads to them: so that one more VM costs little on a host of hundreds, a
 * VM has few chains, no rule that could be everybody's, and none that leads elsewhere.
 */
import type { Hits } from "@fastvm/contract";
import { otherAddresses } from "../ip/address-forms.ts";
import { GUARDED_IPV4, GUARDED_IPV6 } from "../ip/guarded-ranges.ts";
import { parseNetwork, rangesWithout } from "../ip/ip-network.ts";
import type { IpNetwork } from "../ip/ip-network.ts";
import { DOH_IPV4, DOH_IPV6 } from "./known-doh-servers.ts";
import { learnedSet, renderBypass } from "./render-rules.ts";

export interface TableOptions {
  readonly instance: string;
  readonly group: number;
  readonly resolverPort: number;
  readonly vmPrefix: IpNetwork;
}

export const COUNTER_SETS = ["sent", "received", "dropped"] as const;
export type CountsBySet = Readonly<Record<(typeof COUNTER_SETS)[number], Hits>>;
/** Every transaction of ours adds a number of its own to this set, so that who watches the table can tell ours from others'. */
export const OWN_CHANGES = "own_changes";
/** The rules of a policy: egress to all but the host, egress to the host itself, ingress. */
const POLICY_CHAINS = ["egress", "host", "ingress"] as const;
/** Those and, where connections are intercepted, what leads them to a proxy. */
export const VM_CHAINS = [...POLICY_CHAINS, "intercept"] as const;
/** The devices of VMs that may not go around the resolver. */
export const BYPASS_BLOCKED = "bypass_blocked";

/**
 * Some more than what the resolver answers to one guest; it has a limit of its own, which costs the daemon a wake-up for each
 * packet. In bytes, as one packet of a guest that means ill is cut into many on its way (UDP segmentation), and only small ones.
 */
const QUESTIONS = "40 kbytes/second burst 80 kbytes";
const MAX_QUESTION_BYTES = 600;
/**
 * The kernel's table of connections is everybody's: what one VM opens, of whatever protocol, in the two minutes that an unanswered
 * one stays must leave room. It is one for all namespaces, so a VM's own has the same limit, before the host sees anything.
 */
export const OPENINGS = "250/second burst 2000 packets";
/**
 * That a packet was too large, or its port closed, a VM must hear, whatever its rules say of ICMP.
 * Such a message quotes some connection, and could carry anything beside it: so they are few.
 */
const ERRORS = "20/second burst 40 packets";
/** A limit of each VM's own. */
export const LIMITS: Readonly<Record<string, string>> = {
  openings: `rate over ${OPENINGS}`,
  questions: `rate over ${QUESTIONS}`,
  errors: `rate ${ERRORS}`,
};
/** Which addresses a device's packets carry; with the host's own on the cable, where the resolver is, in the last. */
const ADDRESS_SETS: Readonly<Record<string, string>> = {
  addresses4: "ifname . ipv4_addr",
  addresses6: "ifname . ipv6_addr",
  cables: "ifname . ipv4_addr . ipv4_addr",
};

const TRANSPORTS = ["udp", "tcp"] as const;

interface Chain {
  /** Of a chain that the kernel itself asks. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

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
  const chains = Object.entries(sharedChains(options));
  return [
    `add table ${table}`,
    ...VM_CHAINS.map((name) => `add map ${table} ${name}_of { type ifname : verdict; }`),
    ...COUNTER_SETS.map((set) => `add set ${table} ${set} { type ifname; counter; }`),
    ...Object.entries(LIMITS).map(
      ([set, limit]) => `add set ${table} ${set} { type ifname; limit ${limit}; }`,
    ),
    ...Object.entries(ADDRESS_SETS).map(([set, type]) => `add set ${table} ${set} { type ${type}; }`),
    `add set ${table} ${BYPASS_BLOCKED} { type ifname; }`,
    `add set ${table} ${OWN_CHANGES} { type mark; flags timeout; }`,
    // Without a size, which VMs could use up for each other: each has a bound of its own.
    // What is out of date never matches, and is swept up now and then.
    ...([4, 6] as const).map(
      (family) =>
        `add set ${table} ${learnedSet(family)} { type ipv${family}_addr . mark . mark; flags timeout; gc-interval 60s; }`,
    ),
    ...filledSet(table, "guarded4", "type ipv4_addr; flags interval;", GUARDED_IPV4),
    ...filledSet(table, "guarded6", "type ipv6_addr; flags interval;", guardedIpv6(options.vmPrefix)),
    // The host answers to its network's broadcast address too, and as a router to each network's first one.
    ...filledSet(table, "host_kinds", "type fib_addrtype;", ["local", "broadcast", "anycast", "multicast"]),
    ...([4, 6] as const).flatMap((family) =>
      filledSet(table, `doh${family}`, `type ipv${family}_addr;`, dohAddresses()[family]),
    ),
    // All of them before any rule, which may lead to another.
    ...chains.flatMap(([name, { hook }]) => [
      `add chain ${table} ${name}${hook === undefined ? "" : ` { ${hook}; policy accept; }`}`,
      `flush chain ${table} ${name}`,
    ]),
    ...chains.flatMap(([name, chain]) => chain.rules.map((rule) => `add rule ${table} ${name} ${rule}`)),
    "",
  ].join("\n");
}

/** What no VM has to itself, by name. */
export function sharedChains({ group, resolverPort }: TableOptions): Readonly<Record<string, Chain>> {
  const inside = `iifgroup ${group} oifgroup != ${group}`;
  return {
    // Before destinations are translated and after sources are: a packet then still has, or has again, the addresses that the VM sees.
    from_vms: {
      hook: "type filter hook prerouting priority mangle",
      rules: [
        `iifgroup != ${group} accept`,
        ...BETWEEN_NEIGHBOURS,
        "iifname @sent",
        "jump from_guest",
        "iifname @dropped drop",
        "drop",
      ],
    },
    // After the policy, which has let through what comes here.
    intercept: {
      hook: "type filter hook prerouting priority mangle + 10",
      rules: [`iifgroup != ${group} accept`, "ct direction reply accept", "iifname vmap @intercept_of"],
    },
    to_vms: {
      hook: "type filter hook postrouting priority srcnat + 10",
      rules: [
        `oifgroup != ${group} accept`,
        ...BETWEEN_NEIGHBOURS,
        "jump to_guest",
        "oifname @dropped drop",
        "drop",
      ],
    },
    delivered: {
      hook: "type filter hook postrouting priority srcnat + 20",
      rules: [`oifgroup ${group} oifname @received`],
    },
    source_nat: {
      hook: "type nat hook postrouting priority srcnat",
      rules: [
        `ip saddr 169.254.0.0/16 ${inside} masquerade`,
        // Whatever the network of now: VMs that were started under another keep their addresses.
        `ip6 saddr fc00::/7 ${inside} masquerade`,
      ],
    },
    from_guest: { rules: fromGuest(resolverPort) },
    to_guest: { rules: toGuest(resolverPort) },
    // Few policies have rules for the host itself; of the others nothing comes back from here but a refusal.
    to_host: { rules: ["iifname vmap @host_of"] },
    from_host: { rules: ["oifname vmap @host_of"] },
    bypass: { rules: renderBypass("goto bypassed") },
    // Egress alone comes here, from either side; a chain that was jumped to cannot say more to its caller than that it goes on.
    bypassed: { rules: ["ct direction original iifname @dropped drop", "oifname @dropped drop", "drop"] },
  };
}

/**
 * Only a neighbour sends with this hop limit, and the neighbour is the namespace: what the guest sends was forwarded once.
 * What else the two ends of the cable tell each other, such as which multicast groups they listen to, concerns no VM.
 */
const BETWEEN_NEIGHBOURS: readonly string[] = [
  "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 accept",
  "icmpv6 type nd-neighbor-advert ip6 hoplimit 255 accept",
  "ip6 saddr fe80::/10 drop",
];
/** Verdicts by device are the last word where they are found: they go to a VM's chain and do not come back. */
function fromGuest(resolverPort: number): readonly string[] {
  const toResolver = "iifname . ip saddr . ip daddr @cables";
  return [
    "iifname . ip saddr != @addresses4 return",
    "iifname . ip6 saddr != @addresses6 return",
    `${toResolver} udp dport ${resolverPort} meta length > ${MAX_QUESTION_BYTES} return`,
    `${toResolver} udp dport ${resolverPort} iifname @questions return`,
    `${toResolver} udp dport ${resolverPort} accept`,
    // Of whatever protocol: a connection is in the kernel's table, `confirmed`, once its first packet has gone all its way.
    "ct status & confirmed != confirmed iifname @openings return",
    `${toResolver} tcp dport ${resolverPort} accept`,
    "ct state invalid return",
    "ct direction reply iifname vmap @ingress_of",
    // The namespace has led to our resolver what it could; this asks another.
    ...TRANSPORTS.map((protocol) => `${protocol} dport 53 return`),
    `iifname @${BYPASS_BLOCKED} jump bypass`,
    "fib daddr type @host_kinds goto to_host",
    "iifname vmap @egress_of",
  ];
}

function toGuest(resolverPort: number): readonly string[] {
  return [
    "oifname . ip daddr != @addresses4 return",
    "oifname . ip6 daddr != @addresses6 return",
    ...TRANSPORTS.map(
      (protocol) =>
        `ct direction reply oifname . ip daddr . ip saddr @cables ${protocol} sport ${resolverPort} accept`,
    ),
    "ct state invalid return",
    // Those that a VM sends are judged like any other packet.
    ...["icmp", "icmpv6"].map(
      (protocol) => `ct state related meta l4proto ${protocol} meta length <= 1280 oifname @errors accept`,
    ),
    "ct direction original oifname vmap @ingress_of",
    `oifname @${BYPASS_BLOCKED} jump bypass`,
    // Not the first packet's address, which may be one that was translated: `fib` knows only the packet.
    "fib saddr type @host_kinds goto from_host",
    "oifname vmap @egress_of",
  ];
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

/** Known resolvers that speak HTTPS, by family. */
export function dohAddresses(): Readonly<Record<4 | 6, readonly string[]>> {
  return { 4: DOH_IPV4, 6: [...DOH_IPV6, ...DOH_IPV4.flatMap((address) => otherAddresses(address))] };
}

/** Other VMs are not guarded: their own rules decide about what comes to them. */
export function guardedIpv6(vmPrefix: IpNetwork): readonly string[] {
  return GUARDED_IPV6.flatMap((text) => {
    const range = parseNetwork(text);
    return range === undefined ? [] : rangesWithout(range, vmPrefix);
  });
}
