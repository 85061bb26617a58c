/** Whether a peer may connect to a published port. Its own port is never looked at. */
import type { Publication, PublishedPort } from "@fastvm/contract";
import { isGuarded } from "../ip/guarded-ranges.ts";
import { contains, parseAddress, parseNetwork } from "../ip/ip-network.ts";

const MAPPED = /^::ffff:(?=\d+\.)/i;

export function mayConnect(
  { rules, default: otherwise }: Publication,
  { guestPort, protocol }: Pick<PublishedPort, "guestPort" | "protocol">,
  peer: string,
): boolean {
  const address = plainAddress(peer);
  const rule = rules.find(
    ({ peers, protocols, ports }) =>
      (protocols.length === 0 || protocols.includes(protocol)) &&
      (ports.length === 0 || ports.some(({ first, last }) => guestPort >= first && guestPort <= last)) &&
      isOf(peers, address),
  );
  return (rule?.action ?? otherwise) === "allow";
}

/** As rules have it: a socket of both families shows IPv4 inside of IPv6, and a scope behind a link's. */
function plainAddress(peer: string): string {
  return peer.replace(MAPPED, "").replace(/%.*$/, "");
}

function isOf(peers: "public" | readonly string[], text: string): boolean {
  if (peers === "public") return !isGuarded(text);
  const address = parseAddress(text);
  if (address === undefined) return false;
  return peers.some((peer) => {
    const network = parseNetwork(peer);
    return network !== undefined && contains(network, address);
  });
}
