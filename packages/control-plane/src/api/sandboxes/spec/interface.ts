/** What a specification says of the guest's network device. Nobody but the guest sees it: what it sends has its VM's addresses. */
import { BlockList, isIP } from "node:net";
import type { GuestLinkSettings, SandboxSpec } from "@fastvm/contract";
import { invalid } from "./invalid.ts";

type Interface = NonNullable<NonNullable<SandboxSpec["network"]>["interface"]>;

const AT = "network.interface";
/**
 * Of no one machine, or with a meaning of their own; and of the gateway that every guest has. A single list takes each IPv4 address for
 * one of `::ffff:0:0/96`.
 */
const TAKEN = { 4: new BlockList(), 6: new BlockList() } as const;
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  // The host's end has one of these, and so has the metadata service.
  ["169.254.0.0", 16],
  ["192.0.0.1", 32],
  ["224.0.0.0", 3],
] as const)
  TAKEN[4].addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  // Forms of IPv4, with the unspecified address and loopback.
  ["::", 96],
  ["::ffff:0:0", 96],
  ["fd66:6173:7476:6d::1", 128],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  TAKEN[6].addSubnet(network, prefix, "ipv6");
const GATEWAY_MAC = "02:66:76:6d:00:01";
/** Of a pool each sandbox has the second address, as the first is a gateway's: they never meet. */
const SHORTEST_POOL = { 4: 30, 6: 126 } as const;

/** `undefined`: as every VM's is. */
export function guestLinkOf(asked: Interface | null | undefined): GuestLinkSettings | undefined {
  if (asked === null || asked === undefined) return undefined;
  const settings = {
    mac: macOf(asked.mac ?? undefined),
    mtu: asked.mtu ?? undefined,
    ipv4: addressOf(asked, 4),
    ipv6: addressOf(asked, 6),
  };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : (Object.fromEntries(given) as GuestLinkSettings);
}

function macOf(bytes: readonly number[] | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const mac = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  const isGroup = ((bytes[0] ?? 0) & 1) === 1;
  if (isGroup || mac === GATEWAY_MAC || bytes.every((byte) => byte === 0))
    throw invalid(`${AT}.mac`, "must be the address of one device, and not of the gateway");
  return mac;
}

function addressOf(asked: Interface, family: 4 | 6): string | undefined {
  const [address, pool] = [
    asked[`ipv${family}_address`] ?? undefined,
    asked[`ipv${family}_pool`] ?? undefined,
  ];
  const network = pool === undefined ? undefined : poolOf(pool, family);
  if (address === undefined) return network?.second;
  const at = `${AT}.ipv${family}_address`;
  if (isIP(address) !== family || address.includes("%") || TAKEN[family].check(address, `ipv${family}`))
    throw invalid(at, `must be an address of IPv${family} that a device can have`);
  if (network !== undefined && !network.list.check(address, `ipv${family}`))
    throw invalid(at, `is not in ${AT}.ipv${family}_pool`);
  return address;
}

function poolOf(pool: string, family: 4 | 6): { readonly second: string; readonly list: BlockList } {
  const at = `${AT}.ipv${family}_pool`;
  const [base = "", length = ""] = pool.split("/");
  const prefix = Number(length);
  const isPool = /^\d{1,3}$/.test(length) && prefix >= 1 && prefix <= SHORTEST_POOL[family];
  if (isIP(base) !== family || base.includes("%") || !isPool)
    throw invalid(at, `must be a network of IPv${family} of /1 to /${SHORTEST_POOL[family]}`);
  const list = new BlockList();
  list.addSubnet(base, prefix, `ipv${family}`);
  const second = secondOf(base, prefix, family);
  if (TAKEN[family].check(second, `ipv${family}`)) throw invalid(at, "has no addresses for devices");
  return { second, list };
}

/** The second address of a network. */
function secondOf(base: string, prefix: number, family: 4 | 6): string {
  if (family === 4) {
    const bits = base.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
    const size = 2 ** (32 - prefix);
    const second = Math.floor(bits / size) * size + 2;
    return [24, 16, 8, 0].map((shift) => Math.floor(second / 2 ** shift) % 256).join(".");
  }
  const host = 128n - BigInt(prefix);
  const second = ((bitsOf(base) >> host) << host) + 2n;
  const groups = second.toString(16).padStart(32, "0").match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function bitsOf(ipv6: string): bigint {
  const [head = "", tail] = new URL(`http://[${ipv6}]`).hostname.slice(1, -1).split("::");
  const [left, right] = [head, tail ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array.from({ length: 8 - (left?.length ?? 0) - (right?.length ?? 0) }, () => "0");
  const groups = [...(left ?? []), ...zeros, ...(right ?? [])];
  return BigInt(`0x${groups.map((group) => group.padStart(4, "0")).join("")}`);
}
