/**
 * Which hosts of a URL may be made the guest's own. What a client calls us comes from
 * outside: only a plain name or address of somebody else passes.
 */
import { BlockList, isIP } from "node:net";
import { GUEST_IPV6, GUEST_IPV6_PREFIX_LENGTH } from "./addresses.ts";

export type MappableHost =
  | { readonly kind: "address"; readonly address: string }
  /** Lower case, at most 253 characters of letters, digits, `-`, `_` and `.`. */
  | { readonly kind: "name"; readonly name: string }
  /** Leads to the guest's loopback already. */
  | { readonly kind: "loopback" };

const MAX_NAME_CHARS = 253;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
/**
 * A parser of URLs has made addresses of these already; what is left of them is none and no name either (WHATWG URL, "ends in a number").
 */
const ENDS_IN_A_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)$/;

const NOT_OURS = new BlockList();
NOT_OURS.addSubnet("0.0.0.0", 8, "ipv4");
// Metadata services, and the links between host and VMs.
NOT_OURS.addSubnet("169.254.0.0", 16, "ipv4");
// The guest itself and its gateway: it would lose its network.
NOT_OURS.addSubnet("192.0.0.0", 24, "ipv4");
// Multicast, broadcast and reserved.
NOT_OURS.addSubnet("224.0.0.0", 3, "ipv4");

// One list per family: a single one takes every IPv4 address for a part of ::ffff:0:0/96.
const NOT_OURS_IPV6 = new BlockList();
NOT_OURS_IPV6.addAddress("::", "ipv6");
NOT_OURS_IPV6.addSubnet("::ffff:0:0", 96, "ipv6");
NOT_OURS_IPV6.addSubnet("fe80::", 10, "ipv6");
NOT_OURS_IPV6.addSubnet("ff00::", 8, "ipv6");
NOT_OURS_IPV6.addSubnet(GUEST_IPV6, GUEST_IPV6_PREFIX_LENGTH, "ipv6");

/** `undefined` for what must be left as it is. An IPv6 address comes without brackets. */
export function mappableHost(text: string): MappableHost | undefined {
  const family = isIP(text);
  if (family !== 0) return mappableAddress(text, family);
  const name = text.toLowerCase();
  if (name === "localhost") return { kind: "loopback" };
  const isName =
    name.length <= MAX_NAME_CHARS &&
    !ENDS_IN_A_NUMBER.test(name) &&
    name.split(".").every((label) => LABEL.test(label));
  return isName ? { kind: "name", name } : undefined;
}

function mappableAddress(address: string, family: number): MappableHost | undefined {
  if (address === "127.0.0.1") return { kind: "loopback" };
  if (address.includes("%")) return undefined;
  const refused = family === 4 ? NOT_OURS.check(address, "ipv4") : NOT_OURS_IPV6.check(address, "ipv6");
  return refused ? undefined : { kind: "address", address };
}
