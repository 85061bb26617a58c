/** What a VM may reach and who may reach it. Whatever a client wrote, the control plane has checked it and filled in the defaults. */
export type FirewallAction = "allow" | "deny";

export interface FirewallRule {
  readonly action: FirewallAction;
  /** `fqdn` for egress only. */
  readonly kind: "cidr" | "fqdn";
  /** A network, or a name with at most one leading `*.`. */
  readonly value: string;
  /** Echo and its like of ICMP; that a connection failed every VM hears. */
  readonly protocol: "tcp" | "udp" | "icmpv4" | "icmpv6" | "any";
  /** `"443"`, `"8080-8090"` or `"any"`; `any` when the protocol has none. */
  readonly ports: string;
  /** Of a network that is denied: not what is guarded in it, of which later rules speak, but for forms of IPv4 that may lead anywhere. */
  readonly sparesGuarded?: true;
  readonly description?: string;
}

/** As it was written, in nobody's words. */
export interface WrittenPolicy {
  readonly ingress: DirectionPolicy;
  readonly egress: DirectionPolicy & { readonly rateLimit?: RateLimit };
  /** Absent where nobody wrote it: then it follows from egress, whatever that becomes. */
  readonly dns?: DnsPolicy;
  /** Of TCP, begun by the VM, that may be open at once; a further one is reset. Absent: no bound of its own. */
  readonly maxConnections?: number;
  /** What the guest's own network device is, where it is another than every VM's. */
  readonly guestLink?: GuestLinkSettings;
  /** Ports of the host that lead into the VM; absent: none. What a VM is made from passes none on. */
  readonly published?: Publication;
}

/** Addresses that the guest sees as its own: nobody else does, as what it sends has its VM's. */
export interface GuestLinkSettings {
  /** Six pairs of hexadecimal digits, lower case. */
  readonly mac?: string;
  readonly mtu?: number;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** The first rule that matches decides who may connect; when none does, the default. */
export interface Publication {
  readonly ports: readonly PublishedPort[];
  readonly default: FirewallAction;
  readonly rules: readonly PeerRule[];
}

export interface PublishedPort {
  /** Of the host. */
  readonly address: string;
  readonly hostPort: number;
  /** On the VM's loopback. */
  readonly guestPort: number;
  readonly protocol: "tcp" | "udp";
}

export interface PeerRule {
  readonly action: FirewallAction;
  /** Networks; or all that are none of the special ones, which firewalls guard. */
  readonly peers: "public" | readonly string[];
  /** None: both. */
  readonly protocols: readonly ("tcp" | "udp")[];
  /** Of the VM; none: all. */
  readonly ports: readonly { readonly first: number; readonly last: number }[];
}

/** As a worker enforces it, with the rules of the VM's services. */
export interface NetworkPolicy extends WrittenPolicy {
  readonly dns: DnsPolicy;
  /** Absent: connections go as they are. */
  readonly interception?: InterceptionPolicy;
}

/** Which of a VM's connections go by way of a proxy, and not at all without it. */
export interface InterceptionPolicy {
  /** Of TCP; at least one. */
  readonly ports: readonly number[];
  /** Whether UDP to these ports is refused, by which clients could speak HTTP/3 past the proxy. */
  readonly blockQuic: boolean;
}

/** The first rule that matches decides; when none does, the default. */
export interface DirectionPolicy {
  readonly default: FirewallAction;
  readonly rules: readonly FirewallRule[];
}

export interface DnsPolicy {
  /** `allow`: only `domains` resolve. `deny`: all but them do. */
  readonly mode: FirewallAction;
  /** Lower case; a name, or `*.` and a name: one or more labels before it, not the name itself. */
  readonly domains: readonly string[];
  /** Refuses DNS over TLS and the known public resolvers that speak HTTPS. */
  readonly blockBypass: boolean;
  /** Asked in this order in place of the host's: a name or an address, each with or without a port. */
  readonly nameservers?: readonly string[];
  /** For each of them. */
  readonly queryTimeoutMs?: number;
  /** Answers may have addresses that the VM may not reach; absent: they are taken out. */
  readonly allowsRebinding?: boolean;
}

/** Shaping of what the VM sends. `burst` is in the unit of the rate: kbit or packets. */
export type RateLimit =
  | { readonly kbitPerSec: number; readonly burst?: number }
  | { readonly packetsPerSec: number; readonly burst?: number };

export interface NetworkReport {
  /** Counted from the last change of the policy, one for each rule, in the policy's order. */
  readonly rules: { readonly ingress: readonly Hits[]; readonly egress: readonly Hits[] };
  /** What no rule decided. */
  readonly defaults: { readonly ingress: Hits; readonly egress: Hits };
  /** Counted from the start of the VM's present life. `sent` is what left the guest. */
  readonly traffic: { readonly sent: Hits; readonly received: Hits };
  /** Packets that the policy, or a rule that holds for every VM, stopped. */
  readonly dropped: Hits;
  readonly dns: DnsCounts;
}

export interface Hits {
  readonly packets: number;
  readonly bytes: number;
}

/** Questions of the guest, by what became of them. */
export interface DnsCounts {
  readonly answered: number;
  /** The policy does not let the name be resolved. */
  readonly refused: number;
  /** The answer had addresses that the policy forbids. */
  readonly filtered: number;
  /** More than one guest may ask per second. */
  readonly limited: number;
  /** No upstream answered. */
  readonly failed: number;
}
