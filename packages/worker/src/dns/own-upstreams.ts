/**
 * Whom the resolver asks for one VM: the host's name servers, or those that its policy names. Such a one is a stranger's choice, and it is
 * the daemon that asks it: so it is held to what the VM itself may reach, and nobody gets at name servers around the host that way.
 */
import { networkInterfaces } from "node:os";
import type { DnsPolicy } from "@fastvm/contract";
import { isGuarded } from "../ip/guarded-ranges.ts";
import { lookupAddresses } from "../ip/lookup-addresses.ts";
import type { DnsGuest } from "./guest-port.ts";
import type { LatencyTotals } from "./latency.ts";
import { parseUpstream, type UpstreamAddress, type UpstreamSource } from "./upstream-address.ts";
import { Upstreams, type Asked } from "./upstreams.ts";

const DNS_PORT = 53;
/** A name server's own address changes seldom. */
const LOOKUP_AGAIN_MS = 30_000;

interface Shared {
  readonly shared: Upstreams;
  readonly source: UpstreamSource;
  readonly timeoutMs: number;
  readonly latency: LatencyTotals;
}

export class OwnUpstreams {
  readonly #host: Shared;
  readonly #guest: DnsGuest;
  #asked: Asked;

  constructor(host: Shared, guest: DnsGuest) {
    this.#host = host;
    this.#guest = guest;
    this.#asked = { scope: "", upstreams: host.shared };
  }

  now(): Asked {
    const scope = scopeOf(this.#guest.policy());
    if (scope !== this.#asked.scope) this.#asked = { scope, upstreams: this.#upstreams() };
    return this.#asked;
  }

  #upstreams(): Upstreams {
    const { nameservers = [], queryTimeoutMs } = this.#guest.policy();
    const { shared, latency, timeoutMs, source } = this.#host;
    if (nameservers.length === 0 && queryTimeoutMs === undefined) return shared;
    const own = nameservers.length === 0 ? source : this.#namedSource(nameservers);
    return new Upstreams({ source: own, latency, timeoutMs: queryTimeoutMs ?? timeoutMs });
  }

  #namedSource(nameservers: readonly string[]): UpstreamSource {
    let known: readonly UpstreamAddress[] = [];
    let atMs = Number.NEGATIVE_INFINITY;
    return async () => {
      if (performance.now() - atMs > LOOKUP_AGAIN_MS || known.length === 0) {
        known = (await Promise.all(nameservers.map(addressesOf))).flat();
        atMs = performance.now();
      }
      // Asked each time, as the policy may have changed.
      return known.filter(
        ({ host }) => (!isGuarded(host) && !isOfHost(host)) || this.#guest.allowsAddress(host),
      );
    };
  }
}

/** Empty: the host's, as the host has them. */
function scopeOf({ nameservers = [], queryTimeoutMs }: DnsPolicy): string {
  if (nameservers.length === 0 && queryTimeoutMs === undefined) return "";
  return JSON.stringify([nameservers, queryTimeoutMs ?? null]);
}

/** Of whatever kind: a VM reaches the host by no broad rule. */
function isOfHost(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}

async function addressesOf(nameserver: string): Promise<readonly UpstreamAddress[]> {
  const address = parseUpstream(nameserver);
  if (address !== undefined) return [address];
  const [, name = nameserver, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(nameserver) ?? [];
  const found = await lookupAddresses(name, undefined).catch(() => []);
  return found.map(({ address: host }) => ({ host, port: port === undefined ? DNS_PORT : Number(port) }));
}
