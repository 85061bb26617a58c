/** Both dialects of a VM's firewall: the older ingress list, and the newer policy with egress and DNS. */

/** The older dialect, for ingress over the VM's public IPv6 address. */
export interface FirewallPolicy {
  /** `open`: all may come in. `restricted`: only what `ingress` lists. */
  readonly mode: "open" | "restricted";
  readonly ingress?: readonly FirewallRule[];
}

export interface FirewallRule {
  /** `tcp` or `udp`. */
  readonly protocol: string;
  readonly portStart: number;
  /** The range's last port. Default: `portStart`. */
  readonly portEnd?: number;
  /** IPv6 networks. Default: any source. */
  readonly sourceCidrs?: readonly string[];
  readonly description?: string;
}

/** Only the fields that are given change. */
export interface PatchFirewallPolicy {
  readonly mode?: "open" | "restricted";
  readonly ingress?: readonly FirewallRule[];
}

/**
 * The newer dialect. A block that is left out has its default: ingress deny, egress
 * allow, names by egress: all, or those that its rules name where it denies the rest.
 */
export interface NetworkPolicy {
  readonly ingress?: { readonly default: NetworkAction; readonly rules?: readonly NetworkRule[] };
  readonly egress?: {
    readonly default: NetworkAction;
    readonly rules?: readonly NetworkRule[];
    readonly rateLimit?: RateLimit;
  };
  readonly dns?: DnsPolicy;
}

/** The newer dialect with egress by a mode: it becomes rules, and is shown as such. */
export interface EgressModePolicy extends Omit<NetworkPolicy, "egress"> {
  readonly egress: EgressMode;
}

/** IPv4 networks. `custom` denies `deny_cidrs`, then allows `allow_cidrs` and denies the rest; without any of those it allows the rest. */
export interface EgressMode {
  /** `deny_all` also lets no name be resolved, and nothing beside it weakens it. */
  readonly mode: "allow_all" | "deny_all" | "custom";
  readonly allow_cidrs?: readonly string[];
  readonly deny_cidrs?: readonly string[];
  /** `burst` is in kbit or packets. */
  readonly rate_limit?:
    | { readonly kbit_per_sec: number; readonly burst?: number }
    | { readonly pps: number; readonly burst?: number };
}

/** What a firewall may be written as. */
export type FirewallInput = FirewallPolicy | NetworkPolicy | EgressModePolicy;

export type NetworkAction = "allow" | "deny";

export interface NetworkRule {
  readonly action: NetworkAction;
  /** `fqdn` is for egress only. */
  readonly kind: "cidr" | "fqdn";
  /** A network, or a name with at most one leading `*.`. */
  readonly value: string;
  readonly protocol: "tcp" | "udp" | "icmpv4" | "icmpv6" | "any";
  /** `"443"`, `"8080-8090"` or `"any"`. */
  readonly ports: string;
  readonly description?: string;
}

/** What the VM sends is shaped to it. `burst` is in the unit of the rate. */
export type RateLimit =
  | { readonly kbitPerSec: number; readonly burst?: number }
  | { readonly packetsPerSec: number; readonly burst?: number };

export interface DnsPolicy {
  /** `allow`: only `domains` resolve. `deny`: all but `domains` do. Default `deny`. */
  readonly mode?: NetworkAction;
  readonly domains?: readonly string[];
  /** Also blocks DNS over TLS and well-known public resolvers over HTTPS. Default false. */
  readonly blockBypass?: boolean;
}
