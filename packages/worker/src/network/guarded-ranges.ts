/**
 * Addresses that no VM reaches by a broad rule: the host, its neighbours, the metadata service, other tenants. A rule must name them. The firewall
 * drops them and the resolver takes them out of answers, both by this one list.
 */
import { BlockList, isIP } from "node:net";

/** IANA's special-purpose registry (RFC 6890), less those for documentation and measurements, which lead nowhere. */
export const GUARDED_IPV4: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

/** A translator on the way turns `64:ff9b::a.b.c.d` into a.b.c.d (RFC 6052), and a 6to4 relay sends what is for `2002:aabb:ccdd::/48` there (RFC 3056), so the guarded ones are guarded in these coats too. */
export const GUARDED_IPV6: readonly string[] = [
  // The unspecified address, loopback, and IPv4 addresses in the retired form ::a.b.c.d.
  "::/96",
  "::ffff:0:0/96",
  "64:ff9b:1::/48",
  "fc00::/7",
  "fe80::/10",
  // Site-local addresses, retired but still routed by some.
  "fec0::/10",
  "ff00::/8",
  ...GUARDED_IPV4.map(inNat64),
  ...GUARDED_IPV4.map(in6to4),
];

// One list per family: a single one takes every IPv4 address for a part of ::ffff:0:0/96.
const IPV4 = new BlockList();
const IPV6 = new BlockList();
for (const range of GUARDED_IPV4) IPV4.addSubnet(...parts(range), "ipv4");
for (const range of GUARDED_IPV6) IPV6.addSubnet(...parts(range), "ipv6");

/** What is no address is guarded, so that a parser's odd result cannot slip through. */
export function isGuarded(address: string): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return true;
  return family === 4 ? IPV4.check(address, "ipv4") : IPV6.check(address, "ipv6");
}

function inNat64(range: string): string {
  const [address, length] = parts(range);
  return `64:ff9b::${inGroups(address)}/${96 + length}`;
}

function in6to4(range: string): string {
  const [address, length] = parts(range);
  return `2002:${inGroups(address)}::/${16 + length}`;
}

/** An IPv4 address as two groups of IPv6's. */
function inGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function parts(range: string): [address: string, prefixLength: number] {
  const [address = "", length = ""] = range.split("/");
  return [address, Number(length)];
}
