/** Who counts as one: an IPv4 address, or a network of 64 bits of IPv6, which is what one customer gets at least. */

const GROUPS_OF_NETWORK = 4;
const GROUPS = 8;

/** `address` as the kernel writes it. */
export function addressGroup(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.replace(/%.*$/, "").toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array<string>(GROUPS - before.length - after.length).fill("0");
  const groups = [...before, ...zeros, ...after];
  return `${groups.slice(0, GROUPS_OF_NETWORK).join(":")}::/64`;
}
