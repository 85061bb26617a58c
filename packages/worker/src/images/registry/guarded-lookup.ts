/**
 * Where a connection at somebody's word may lead. The addresses are looked up once, judged, and are the very ones that are then connected
 * to: a name that means something else a moment later changes nothing.
 */
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { FastvmError } from "@fastvm/contract";
import { isGuarded } from "../../ip/guarded-ranges.ts";
import { lookupAddresses } from "../../ip/lookup-addresses.ts";

/** Those of a name that nobody guards; rejects when there is none. */
export async function allowedAddresses(
  host: string,
  mayBeGuarded: boolean,
  signal: AbortSignal,
): Promise<readonly LookupAddress[]> {
  const all = await lookupAddresses(host, signal);
  const allowed = mayBeGuarded ? all : all.filter(({ address }) => !isGuarded(address));
  if (allowed.length === 0) throw new FastvmError("registry_guarded", host);
  return allowed;
}

/** For a connection: answers with these addresses, whatever the name. */
export function answerWith(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family);
  };
}
