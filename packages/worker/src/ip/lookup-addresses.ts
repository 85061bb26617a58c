/** What a host in a URL means: asked once, for whoever judges the answer and then connects to that very address. */
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { unlessAborted } from "../concurrency/unless-aborted.ts";

export async function lookupAddresses(
  host: string,
  signal: AbortSignal | undefined,
): Promise<readonly LookupAddress[]> {
  // In a URL, an IPv6 address stands in brackets.
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(bare);
  return family === 0
    ? await unlessAborted(() => lookup(bare, { all: true }), signal)
    : [{ address: bare, family }];
}
