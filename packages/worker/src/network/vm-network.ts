/**
 * What one VM has of the host's network. Everything follows from its index and the
 * daemon's instance, so that a journal need only keep those.
 */
import { hostIpv4, namespaceIpv4 } from "./addresses.ts";

export interface Instance {
  /** Six hexadecimal digits, of the data folder: daemons of different folders share one machine. */
  readonly name: string;
  /** Group of the host's ends of links: how a rule tells this daemon's VMs from another's. */
  readonly group: number;
}

export interface VmNetwork {
  readonly index: number;
  readonly publicIpv6: string;
  readonly namespace: string;
  /** The host's end of the link. */
  readonly veth: string;
  readonly hostIpv4: string;
  readonly ipv4: string;
}

export const NAMESPACE_PREFIX = "fastvm-";
export const VETH_PREFIX = "fv-";

export function instanceOf(name: string): Instance {
  return { name, group: Number.parseInt(name, 16) + 1 };
}

export function vmNetworkOf(
  instance: Instance,
  { index, publicIpv6 }: Pick<VmNetwork, "index" | "publicIpv6">,
): VmNetwork {
  return {
    index,
    publicIpv6,
    namespace: `${NAMESPACE_PREFIX}${instance.name}-${index}`,
    veth: `${VETH_PREFIX}${index}`,
    hostIpv4: hostIpv4(index),
    ipv4: namespaceIpv4(index),
  };
}
