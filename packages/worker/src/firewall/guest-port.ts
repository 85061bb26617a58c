/** What the firewall knows of a VM: where its packets come out on the host, and which addresses they may carry there. */
import type { Hits } from "@fastvm/contract";

export interface FirewallGuest {
  /** Host-wide unique; names the VM's chains. */
  readonly index: number;
  /** The host's end of the VM's cable. */
  readonly veth: string;
  /** The network namespace in which QEMU runs; its end of the cable is `uplink`. */
  readonly namespace: string;
  /** The namespace's address, which the guest's packets carry on the host. */
  readonly ipv4: string;
  /** The host's address on the cable, where the resolver listens. */
  readonly hostIpv4: string;
  readonly publicIpv6: string;
}

/** An address that the resolver is about to hand out for a name. */
export interface LearnedAddress {
  readonly name: string;
  /**
   * Whether it is a name of the CNAME chain and not the one asked for: then the address
   * is known by somebody else's word, and no rule opens it.
   */
  readonly isAlias: boolean;
  readonly address: string;
  readonly ttlSec: number;
}

/** `NetworkReport` without what the resolver counts. */
export interface FirewallReport {
  readonly rules: { readonly ingress: readonly Hits[]; readonly egress: readonly Hits[] };
  readonly defaults: { readonly ingress: Hits; readonly egress: Hits };
  readonly traffic: { readonly sent: Hits; readonly received: Hits };
  readonly dropped: Hits;
}

/** What is cheap to read of all VMs at once. */
export type TrafficReport = Pick<FirewallReport, "traffic" | "dropped">;
