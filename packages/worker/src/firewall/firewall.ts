/**
 * Enforces the policies of this daemon's VMs in the kernel: one nftables table, in which every VM has chains of its own. A call resolves when what it asked for
 * is in force. What the table ought to be is kept in memory, so that it can be put back when someone else on the host removes it.
 */
import type { NetworkPolicy } from "@fastvm/contract";
import type { CommandShell } from "../host/command-shell.ts";
import type { FirewallGuest, FirewallReport, LearnedAddress, TrafficReport } from "./guest-port.ts";

export interface FirewallOptions {
  readonly shell: CommandShell;
  /** Six hexadecimal digits; names the table `fastvm_<instance>`. */
  readonly instance: string;
  /** The device group of this daemon's cables. */
  readonly group: number;
  readonly resolverPort: number;
  /** The network that `publicIpv6` addresses are from, such as `fd00:1:2::/48`. */
  readonly vmPrefix: string;
  /** Told when the table could not be put back, or was changed by someone else. */
  readonly onError: (error: Error) => void;
}

export interface GuestPolicy {
  readonly guest: FirewallGuest;
  readonly policy: NetworkPolicy;
}

export class Firewall {
  /** Makes the table, or takes over what an earlier daemon left: its VMs' rules hold until `restore`. */
  static open(options: FirewallOptions): Promise<Firewall> {
    return Promise.reject(new Error(`not yet ${options.instance}`));
  }

  /** Once after a restart, with all VMs that run on: their policies are in force, what belonged to others is gone. One transaction. */
  restore(guests: readonly GuestPolicy[]): Promise<void> {
    return Promise.reject(new Error(`not yet ${guests.length}`));
  }

  /** Lets a VM out that had no policy before; until then it reaches nothing. */
  attach(guest: FirewallGuest, policy: NetworkPolicy): Promise<void> {
    return Promise.reject(new Error(`not yet ${guest.index} ${policy.dns.mode}`));
  }

  /** Replaces a policy. Flows that the new one forbids are cut when it resolves. If it rejects, the old one holds. */
  update(index: number, policy: NetworkPolicy): Promise<void> {
    return Promise.reject(new Error(`not yet ${index} ${policy.dns.mode}`));
  }

  /** The VM reaches nothing any more and its counts are gone. Does nothing for a VM that is not attached. */
  detach(index: number): Promise<void> {
    return Promise.reject(new Error(`not yet ${index}`));
  }

  /** To be awaited before the answer leaves. Does nothing when no fqdn rule means one of the names. */
  learn(index: number, entries: readonly LearnedAddress[]): Promise<void> {
    return Promise.reject(new Error(`not yet ${index} ${entries.length}`));
  }

  /** Whether a rule, and not only the default or a broad network, lets the VM reach an address of a guarded range. For the resolver. */
  allowsGuarded(index: number, address: string): boolean {
    return index === Number(address);
  }

  /** `undefined` when the VM is not attached. */
  report(index: number): Promise<FirewallReport | undefined> {
    return Promise.reject(new Error(`not yet ${index}`));
  }

  /** Of every attached VM, by index. */
  reportAll(): Promise<ReadonlyMap<number, TrafficReport>> {
    return Promise.reject(new Error("not yet"));
  }

  /** `keep` leaves the table to the VMs that run on without a daemon; else it is deleted. */
  close(options: { readonly keep: boolean }): Promise<void> {
    return Promise.reject(new Error(`not yet ${options.keep}`));
  }
}
