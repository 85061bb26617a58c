/** What a guest's network device is: that of every VM, but for what its policy says. */
import type { GuestLinkSettings } from "@fastvm/contract";
import { parseAddress } from "../ip/ip-network.ts";
import { GUEST_IPV4, GUEST_IPV6, GUEST_MAC } from "./addresses.ts";

const MTU = 1500;

export function guestAddresses({
  mac = GUEST_MAC,
  mtu = MTU,
  ipv4 = GUEST_IPV4,
  ipv6 = GUEST_IPV6,
}: GuestLinkSettings = {}): Required<GuestLinkSettings> {
  return { mac, mtu, ipv4, ipv6 };
}

/** In the order of the network. */
export function addressBytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${JSON.stringify(text)} is no address`);
  const digits = address.family === 4 ? 8 : 32;
  return Buffer.from(address.bits.toString(16).padStart(digits, "0"), "hex");
}
