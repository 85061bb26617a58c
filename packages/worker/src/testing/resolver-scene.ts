/** A resolver over real sockets with a guest that asks it and name servers of the test's own. */
import type { DnsPolicy } from "@fastvm/contract";
import type { Answer } from "dns-packet";
import { onTestFinished } from "vitest";
import type { DnsGuest, DnsService, LearnedAddress } from "../dns/guest-port.ts";
import { Resolver, type ResolverOptions } from "../dns/resolver.ts";
import { DnsUpstream, type UpstreamReply, type Zone } from "./dns-upstream.ts";

export const OK = 0;
export const SERVER_FAILURE = 2;
export const NO_SUCH_NAME = 3;
export const NOT_IMPLEMENTED = 4;

export const EVERYTHING: DnsPolicy = { mode: "deny", domains: [], blockBypass: false };
export const allow = (...domains: string[]): DnsPolicy => ({ mode: "allow", domains, blockBypass: false });
export const deny = (...domains: string[]): DnsPolicy => ({ mode: "deny", domains, blockBypass: false });

export const a = (name: string, data: string, ttl = 300): Answer => ({ name, type: "A", data, ttl });
export const aaaa = (name: string, data: string, ttl = 300): Answer => ({ name, type: "AAAA", data, ttl });
export const alias = (name: string, data: string, ttl = 300): Answer => ({ name, type: "CNAME", data, ttl });
export const answers = (...list: Answer[]): UpstreamReply => ({ answers: list });

export class TestGuest implements DnsGuest {
  policyNow = EVERYTHING;
  readonly reachable = new Set<string>();
  readonly learned: LearnedAddress[] = [];
  learning: () => Promise<void> = () => Promise.resolve();

  policy(): DnsPolicy {
    return this.policyNow;
  }

  allowsAddress(address: string): boolean {
    return this.reachable.has(address);
  }

  async learn(entries: readonly LearnedAddress[]): Promise<void> {
    await this.learning();
    this.learned.push(...entries);
  }
}

/** Until the test ends. */
export function use<T extends AsyncDisposable>(thing: T): T {
  onTestFinished(() => thing[Symbol.asyncDispose]());
  return thing;
}

interface Scene {
  readonly upstream: DnsUpstream;
  readonly resolver: Resolver;
  readonly guest: TestGuest;
  readonly service: DnsService;
  readonly port: number;
}

export async function scene(zone: Zone, options: ResolverOptions = {}): Promise<Scene> {
  const upstream = use(await DnsUpstream.start(zone));
  const resolver = use(Resolver.open({ upstreams: [upstream.address], ...options }));
  const guest = new TestGuest();
  const service = await resolver.serve({ address: "127.0.0.1", port: 0, guest });
  return { upstream, resolver, guest, service, port: service.port };
}

export const publicZone: Zone = ({ name, type }) =>
  type === "AAAA" ? answers(aaaa(name, "2001:db8::5")) : answers(a(name, "93.184.216.34"));
