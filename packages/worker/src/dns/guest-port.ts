/** What the resolver asks of a VM's firewall, and what it counts for it. */
import type { DnsCounts, DnsPolicy } from "@fastvm/contract";

export interface DnsGuest {
  /** The policy in force. Asked for every question, so that a change needs no word to the resolver. */
  policy(): DnsPolicy;
  /** Whether a rule lets the VM reach this address of a guarded range. Asked for no other addresses. */
  allowsAddress(address: string): boolean;
  /**
   * Opens the firewall's fqdn rules for addresses; awaited before the answer leaves. When it rejects or takes too long, the
   * guest gets SERVFAIL, for an answer whose addresses are not yet let through would only break the guest's first connection.
   */
  learn(entries: readonly LearnedAddress[]): Promise<void>;
}

export interface LearnedAddress {
  /** The name asked for, or one of its CNAME chain, each in an entry of its own. Lower case. */
  readonly name: string;
  /**
   * Whether it is a name of the chain. That such a name has this address is claimed by whoever answers for the name asked for: enough
   * to deny it, not to open it. Rules that allow learn of the name asked for alone, whose owner decides where its aliases lead.
   */
  readonly isAlias: boolean;
  readonly address: string;
  /** How long the firewall should know it: the TTL that the guest is told, at least 5, and 2 more for the guest to use it. */
  readonly ttlSec: number;
}

/** A VM's resolver. Closing it frees the port. */
export interface DnsService extends AsyncDisposable {
  /** As asked for, or the free one that was found for 0. */
  readonly port: number;
  /** From `serve` on. Each question is in one of them, but for those that are no DNS. */
  counts(): DnsCounts;
  close(): Promise<void>;
}
