/**
 * Who has which address. A guest's own are the same in every VM; what tells VMs apart is outside of them:
 *
 *   guest                namespace of the VM                     host
 *   eth0 192.0.0.2  ───  tap0 192.0.0.1   uplink 169.254.x.y+1 ───  fv-<index> 169.254.x.y
 *        fd66:…::2            fd66:…::1          fe80::2                       fe80::1
 *                             NAT: 192.0.0.2 → 169.254.x.y+1,  fd66:…::2 ↔ the VM's public IPv6 address
 */
import { createHash, randomBytes } from "node:crypto";

/** 192.0.0.0/29 is kept for translators between a host and what runs on it (RFC 7335), so no network a guest may want to reach has it. */
export const GUEST_IPV4 = "192.0.0.2";
export const GATEWAY_IPV4 = "192.0.0.1";
/** Unique local addresses: towards the world guests prefer IPv4 then (RFC 6724), which works also where the host has no IPv6. */
export const GUEST_IPV6 = "fd66:6173:7476:6d::2";
export const GUEST_IPV6_PREFIX_LENGTH = 64;
export const GATEWAY_IPV6 = "fd66:6173:7476:6d::1";
/** Guests remember their gateway's over a restore into another namespace, so every namespace has the same. */
export const GUEST_MAC = "02:66:76:6d:00:02";
export const GATEWAY_MAC = "02:66:76:6d:00:01";
/** The two ends of the link between host and namespace: settled, so that neither need ask for the other's. */
export const HOST_MAC = "02:66:76:6d:01:01";
export const NAMESPACE_MAC = "02:66:76:6d:01:02";
/** What the kernel makes of the guest's MAC. */
export const GUEST_LINK_LOCAL = "fe80::66:76ff:fe6d:2";

export const HOST_LINK_LOCAL = "fe80::1";
export const NAMESPACE_LINK_LOCAL = "fe80::2";

/** Where the resolver listens, on the host's end of each VM's link. Guests ask on port 53; the usual port may be taken on the host. */
export const RESOLVER_PORT = 5399;

/**
 * Pairs of 169.254.0.0/16, by index. Left out: the ends of the range, which are reserved (RFC 3927),
 * and the networks in which clouds keep metadata and other services that the host itself must reach.
 */
const PAIRS = 32_768;
const RESERVED_THIRD_OCTETS: ReadonlySet<number> = new Set([0, 2, 169, 170, 255]);

function isUsableIndex(index: number): boolean {
  return index >= 0 && index < PAIRS && !RESERVED_THIRD_OCTETS.has(index >> 7);
}

/** From `start` round, every index once. */
export function* indexesFrom(start: number): Generator<number> {
  for (let step = 0; step < PAIRS; step++) {
    const index = (start + step) % PAIRS;
    if (isUsableIndex(index)) yield index;
  }
}

export function hostIpv4(index: number): string {
  return pairAddress(index, 0);
}

/** What the host sees as the source of a VM's IPv4 packets. */
export function namespaceIpv4(index: number): string {
  return pairAddress(index, 1);
}

function pairAddress(index: number, end: 0 | 1): string {
  return `169.254.${index >> 7}.${((index & 127) << 1) | end}`;
}

/** A network from which VMs get public addresses. */
export interface VmPrefix {
  /** The bits of the network, the rest zero. */
  readonly bits: bigint;
  readonly length: number;
}

const ADDRESS_BITS = 128n;
/** With fewer bits of its own, the address of a VM could be found by trying. */
const MAX_PREFIX_LENGTH = 96;

/** `undefined` when it is no IPv6 network of at most 96 bits. */
export function parseVmPrefix(text: string): VmPrefix | undefined {
  const [address = "", length = ""] = text.split("/");
  const bits = parseIpv6(address);
  const prefixLength = Number(length);
  if (bits === undefined || !/^\d{1,3}$/.test(length) || prefixLength > MAX_PREFIX_LENGTH) return undefined;
  const hostBits = ADDRESS_BITS - BigInt(prefixLength);
  return { bits: (bits >> hostBits) << hostBits, length: prefixLength };
}

/** Random as RFC 4193 wants it, but always the same for one data folder: VMs keep their addresses over a restart. */
export function defaultVmPrefix(seed: string): VmPrefix {
  const global = createHash("sha256").update(`fastvm ${seed}`).digest().subarray(0, 5).toString("hex");
  return { bits: BigInt(`0xfd${global}0000`) << 64n, length: 64 };
}

export function isUniqueLocal({ bits }: VmPrefix): boolean {
  return bits >> 121n === 0xfcn >> 1n;
}

export function formatVmPrefix({ bits, length }: VmPrefix): string {
  return `${formatIpv6(bits)}/${length}`;
}

/** The host's own address among its VMs. */
export function hostIpv6({ bits }: VmPrefix): string {
  return formatIpv6(bits | 1n);
}

/** Never one that was in use before: what somebody allowed for a VM that is gone must not hold for the next. */
export function newPublicIpv6({ bits, length }: VmPrefix): string {
  const own = BigInt(`0x${randomBytes(16).toString("hex")}`) & ((1n << (ADDRESS_BITS - BigInt(length))) - 1n);
  return formatIpv6(bits | (own < 2n ? own + 2n : own));
}

function formatIpv6(bits: bigint): string {
  const groups = bits.toString(16).padStart(32, "0").match(/.{4}/g) ?? [];
  return canonical(groups.join(":"));
}

function parseIpv6(text: string): bigint | undefined {
  let address: string;
  try {
    address = canonical(text);
  } catch {
    return undefined;
  }
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  const groups = [...left, ...(tail === undefined ? [] : zeros), ...right];
  return BigInt(`0x${groups.map((group) => group.padStart(4, "0")).join("")}`);
}

/** As in RFC 5952: lower case, the longest run of zeros left out. */
function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
