/**
 * Addresses that no VM reaches by a broad rule: the host, its neighbours, the metadata service, other tenants. A
 * rule must name them. The firewall drops them and the resolver takes them out of answers, both by this one list.
 */
import { BlockList, isIP } from "node:net";
import { containsNetwork, formatNetwork, parseNetwork } from "./ip-network.ts";
import { FOREIGN_FORMS, otherForms } from "./address-forms.ts";

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

export const GUARDED_IPV6: readonly string[] = [
  ...FOREIGN_FORMS,
  "fc00::/7",
  "fe80::/10",
  // Site-local addresses, retired but still routed by some.
  "fec0::/10",
  "ff00::/8",
  // Where somebody on the way translates, the guarded ones are reached in another form.
  ...GUARDED_IPV4.flatMap((range) => formsOf(range)),
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

function formsOf(range: string): readonly string[] {
  const network = parseNetwork(range);
  return network === undefined
    ? []
    : otherForms(network)
        .map(formatNetwork)
        .filter((form) => !isForeign(form));
}

/** Of which all is guarded, so that the kernel's sets have no range twice. */
function isForeign(form: string): boolean {
  const network = parseNetwork(form);
  return FOREIGN_FORMS.some((text) => {
    const whole = parseNetwork(text);
    return whole !== undefined && network !== undefined && containsNetwork(whole, network);
  });
}

function parts(range: string): [address: string, prefixLength: number] {
  const [address = "", length = ""] = range.split("/");
  return [address, Number(length)];
}
