/**
 * How the kernel leads a VM's connections to its proxy, as nft rules. They come after the policy has let the packet through, so what a
 * proxy sees is allowed by address and port. Where there is no proxy the packet goes no further: `tproxy` to a listener that is not there
 * is no verdict, and what follows it drops.
 */
import type { InterceptionPolicy } from "@fastvm/contract";

/** Where a proxy listens on the host's loopback. */
export interface InterceptPorts {
  readonly ipv4: number;
  readonly ipv6: number | undefined;
}

/** Above all that other daemons and programs choose at random: the mark of what is led to a proxy, and the table that makes it local. */
const MARK_BASE = 0x66000000;

export function interceptMark(instance: string): string {
  return `0x${(MARK_BASE + Number.parseInt(instance, 16)).toString(16)}`;
}

export function* renderIntercept(
  { ports, blockQuic }: InterceptionPolicy,
  proxy: InterceptPorts | undefined,
  mark: string,
): Generator<string> {
  const list = `{ ${ports.join(", ")} }`;
  if (proxy !== undefined) {
    yield `meta nfproto ipv4 tcp dport ${list} tproxy ip to 127.0.0.1:${proxy.ipv4} meta mark set ${mark} accept`;
  }
  if (proxy?.ipv6 !== undefined) {
    yield `meta nfproto ipv6 tcp dport ${list} tproxy ip6 to [::1]:${proxy.ipv6} meta mark set ${mark} accept`;
  }
  yield `tcp dport ${list} drop`;
  if (blockQuic) yield `udp dport ${list} reject`;
}

/** Commands that make what has the mark local to the host, whatever address it is for. To be run again at any time. */
export function leadMarked(mark: string, hasIpv6: boolean): string {
  return (hasIpv6 ? ["-4", "-6"] : ["-4"])
    .map(
      (family) => `ip ${family} route replace local default dev lo table ${Number(mark)}
ip ${family} rule show pref ${RULE_PREFERENCE} | grep -q 'fwmark ${mark} ' ||
  ip ${family} rule add pref ${RULE_PREFERENCE} fwmark ${mark} lookup ${Number(mark)}`,
    )
    .join("\n");
}

export function forgetMarked(mark: string, hasIpv6: boolean): string {
  return (hasIpv6 ? ["-4", "-6"] : ["-4"])
    .map(
      (family) => `ip ${family} rule del pref ${RULE_PREFERENCE} fwmark ${mark} lookup ${Number(mark)} || true
ip ${family} route flush table ${Number(mark)} || true`,
    )
    .join("\n");
}

/** Before the host's own tables. */
const RULE_PREFERENCE = 5210;
