/**
 * An IPv4 address has other forms, which reach the same peer where somebody on the way translates or unwraps them. This is the one
 * place that knows them; whoever says something of an IPv4 address (what is guarded, what a rule denies, who is a known resolver)
 * says it of these too. Forms of one site's own choosing (RFC 6052 with a prefix of its own, ISATAP, 6rd) cannot be known.
 */
import { contains, containsNetwork, formatNetwork, isSingleAddress, parseNetwork } from "./ip-network.ts";
import type { IpAddress, IpNetwork } from "./ip-network.ts";

/** IPv6 networks in which an IPv4 address stands behind the prefix. */
const CARRIERS: readonly IpNetwork[] = [
  // NAT64 (RFC 6052), which is how a host without IPv4 reaches it.
  "64:ff9b::/96",
  // 6to4 (RFC 3056): the address of a router, behind which a network is.
  "2002::/16",
].flatMap((text) => parseNetwork(text) ?? []);

/**
 * Whole networks of forms that are retired, or one site's own affair. Nobody who means
 * well sends to them, and in some the IPv4 address cannot be told by a prefix.
 */
export const FOREIGN_FORMS: readonly string[] = [
  // `::a.b.c.d`, with the unspecified address and loopback, `::ffff:a.b.c.d` and `::ffff:0:a.b.c.d` (RFC 4291, RFC 2765).
  "::/96",
  "::ffff:0:0/96",
  "::ffff:0:0:0/96",
  // NAT64 of one site's own (RFC 8215), with the address at various places.
  "64:ff9b:1::/48",
  // Teredo (RFC 4380): the address, inverted, at the end.
  "2001::/32",
  // 6to4, whose relays are no more (RFC 7526).
  "2002::/16",
];

const FOREIGN_NETWORKS: readonly IpNetwork[] = FOREIGN_FORMS.flatMap((text) => parseNetwork(text) ?? []);

const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** Those within a network. */
export function foreignForms(network: IpNetwork): readonly IpNetwork[] {
  return FOREIGN_NETWORKS.filter((form) => containsNetwork(network, form));
}

/** Whether nobody can say whom it reaches. */
export function isForeignForm(address: IpAddress): boolean {
  return FOREIGN_NETWORKS.some((form) => contains(form, address));
}

/** Of an IPv4 network; none of an IPv6 network. */
export function otherForms(network: IpNetwork): readonly IpNetwork[] {
  if (network.family !== 4) return [];
  return CARRIERS.map((carrier) => {
    const shift = BigInt(IPV6_BITS - IPV4_BITS - carrier.prefixLength);
    const first = carrier.first | (network.first << shift);
    const last = carrier.first | (network.last << shift) | ((1n << shift) - 1n);
    return { family: 6, first, last, prefixLength: carrier.prefixLength + network.prefixLength };
  });
}

/** Those forms of an address that are one address, as text. */
export function otherAddresses(address: string): readonly string[] {
  const network = parseNetwork(address);
  const forms = network === undefined || !isSingleAddress(network) ? [] : otherForms(network);
  return forms.filter(isSingleAddress).map((form) => formatNetwork(form).replace(/\/128$/, ""));
}
