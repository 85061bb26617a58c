/**
 * Names that are nobody's business upstream. They do not exist, for the guest's own files answer for
 * `localhost`, and the rest would tell the host's resolver, or the internet, what is asked on this machine.
 */
import { isIP } from "node:net";
import { isGuarded } from "../ip/guarded-ranges.ts";

/** RFC 6761, RFC 6762 (multicast only), RFC 7686. */
const LOCAL_ZONES: ReadonlySet<string> = new Set(["localhost", "local", "invalid", "onion"]);

/** Whether the question is to be answered here, with "no such name". */
export function isLocalName(name: string, allowsAddress: (address: string) => boolean): boolean {
  if (LOCAL_ZONES.has(name.slice(name.lastIndexOf(".") + 1))) return true;
  const address = reverseAddress(name);
  return address !== undefined && isGuarded(address) && !allowsAddress(address);
}

/** The address of a reverse name, such as `1.0.0.10.in-addr.arpa`; of a reverse zone, its first address. `undefined` for other names. */
export function reverseAddress(name: string): string | undefined {
  const address = name.endsWith(".in-addr.arpa")
    ? reverseIpv4(name.slice(0, -13).split("."))
    : name.endsWith(".ip6.arpa")
      ? reverseIpv6(name.slice(0, -9).split("."))
      : undefined;
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}

function reverseIpv4(labels: readonly string[]): string | undefined {
  const bytes = trailing(labels, /^\d{1,3}$/, 4);
  return bytes.length === 0 ? undefined : [...bytes, "0", "0", "0"].slice(0, 4).join(".");
}

function reverseIpv6(labels: readonly string[]): string | undefined {
  const nibbles = trailing(labels, /^[0-9a-f]$/, 32);
  if (nibbles.length === 0) return undefined;
  return nibbles.join("").padEnd(32, "0").match(/.{4}/g)?.join(":");
}

/**
 * The last labels that fit, last first. What stands before them is a name inside the
 * reverse zone, such as `_udp` or a classless delegation's.
 */
function trailing(labels: readonly string[], shape: RegExp, atMost: number): string[] {
  const candidates = labels.slice(-atMost).toReversed();
  const odd = candidates.findIndex((label) => !shape.test(label));
  return odd === -1 ? candidates : candidates.slice(0, odd);
}
