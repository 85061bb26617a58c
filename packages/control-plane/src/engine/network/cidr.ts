/** Networks in CIDR notation, as rules name them. Host bits may be set: the worker masks them. */
import { BlockList, isIP } from "node:net";

const IPV4_MAPPED = new BlockList();
IPV4_MAPPED.addSubnet("::ffff:0:0", 96, "ipv6");
const MAPPED_PREFIX = 96;

/** 4 or 6 for a network in CIDR notation, else 0. */
export function familyOf(cidr: string): 0 | 4 | 6 {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(cidr);
  const family = isIP(match?.[1] ?? "");
  if (family === 4) return Number(match?.[2]) <= 32 ? 4 : 0;
  if (family === 6) return Number(match?.[2]) <= 128 ? 6 : 0;
  return 0;
}

/** Whether it is IPv4 in the notation of IPv6, which no packet carries: such a rule would let a network out that it seems to stop. */
export function isMapped(cidr: string): boolean {
  const [address = "", prefix] = cidr.split("/");
  return isIP(address) === 6 && Number(prefix) >= MAPPED_PREFIX && IPV4_MAPPED.check(address, "ipv6");
}

export function isWholeFamily(cidr: string): boolean {
  return /\/0+$/.test(cidr);
}
