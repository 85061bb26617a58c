/**
 * The daemon's DNS resolver: one set of upstreams for all VMs but those whose policy names others, a service and a cache for each.
 *
 *     Resolver.open({ upstreams?, onError?, rate?, cache?, tcp?, upstreamTimeoutMs? }): Resolver     nothing is bound yet
 *     resolver.serve({ address, port, guest }): Promise<DnsService>     UDP and TCP; rejects when the address cannot be bound
 *     resolver.totals(): ResolverTotals     for /metrics
 *     resolver.close(): Promise<void>     and all its services
 *     DnsService: { port; counts(): DnsCounts; close(): Promise<void> }     (guest-port.ts)
 *     DnsGuest: { policy(); allowsAddress(address); learn(entries) }
 *
 * A question goes: rate limit, header guard, policy, local names, cache, upstreams, policy for what was found, firewall, answer.
 */
import { type CacheLimits, DEFAULT_CACHE_LIMITS } from "./cache.ts";
import type { DnsGuest, DnsService } from "./guest-port.ts";
import { GuestService } from "./guest-service.ts";
import { type LatencyReport, LatencyTotals } from "./latency.ts";
import type { RateLimitOptions } from "./rate-limit.ts";
import { Lookups, type LookupTotals } from "./lookup.ts";
import { listenOnBoth } from "./listen-on-both.ts";
import { DEFAULT_TCP_OPTIONS, type TcpOptions } from "./tcp-listener.ts";
import type { ListenAddress } from "./udp-listener.ts";
import { OwnUpstreams } from "./own-upstreams.ts";
import { configuredUpstreams, systemUpstreams } from "./upstream-address.ts";
import { Upstreams } from "./upstreams.ts";
import { type Verdict, VerdictTotals } from "./verdict-totals.ts";

/** A page of a large site asks for a hundred names; a package manager for a thousand in some seconds. */
const DEFAULT_RATE: RateLimitOptions = { perSecond: 200, burst: 400 };
/** Long enough for an upstream that must ask the other side of the world. */
const DEFAULT_UPSTREAM_TIMEOUT_MS = 1500;

export interface ResolverOptions {
  /** Each `address`, `address:port` or `[address]:port`. Absent: those of /etc/resolv.conf, read again when it may have changed. */
  readonly upstreams?: readonly string[] | undefined;
  /** Told what should not happen: a guest's firewall that failed, a bug. */
  readonly onError?: (error: Error) => void;
  /** Questions of each guest. */
  readonly rate?: RateLimitOptions;
  /** Of each guest. */
  readonly cache?: CacheLimits;
  readonly tcp?: TcpOptions;
  readonly upstreamTimeoutMs?: number;
}

interface ServeOptions extends ListenAddress {
  readonly guest: DnsGuest;
}

export interface ResolverTotals {
  /** Of all guests since the start, those of closed services included. */
  readonly questions: Readonly<Record<Verdict, number>>;
  readonly lookup: LookupTotals;
  readonly upstream: LatencyReport;
}

export class Resolver implements AsyncDisposable {
  readonly #options: ResolverOptions;
  readonly #latency = new LatencyTotals();
  readonly #verdicts = new VerdictTotals();
  readonly #lookups: Lookups;
  readonly #shared: ConstructorParameters<typeof OwnUpstreams>[0];
  readonly #services = new Set<DnsService>();

  private constructor(options: ResolverOptions) {
    this.#options = options;
    const { upstreams, upstreamTimeoutMs = DEFAULT_UPSTREAM_TIMEOUT_MS } = options;
    const source = upstreams === undefined ? systemUpstreams() : configuredUpstreams(upstreams);
    const shared = new Upstreams({ source, timeoutMs: upstreamTimeoutMs, latency: this.#latency });
    this.#shared = { timeoutMs: upstreamTimeoutMs, latency: this.#latency, shared, source };
    this.#lookups = new Lookups(options.cache ?? DEFAULT_CACHE_LIMITS);
  }

  /** Throws a `TypeError` for upstreams that are no addresses. */
  static open(options: ResolverOptions = {}): Resolver {
    return new Resolver(options);
  }

  async serve({ address, port, client, guest }: ServeOptions): Promise<DnsService> {
    const { rate = DEFAULT_RATE, tcp: tcpOptions = DEFAULT_TCP_OPTIONS, onError = () => {} } = this.#options;
    const lookup = this.#lookups.open();
    const own = new OwnUpstreams(this.#shared, guest);
    const asked = () => own.now();
    const service = new GuestService({ guest, rate, onError, lookup, asked, totals: this.#verdicts });
    const { tcp, udp } = await listenOnBoth({ address, port, client }, service, tcpOptions);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      this.#services.delete(served);
      this.#lookups.close(lookup);
      closing ??= Promise.all([udp.close(), tcp.close()]).then(() => {});
      return closing;
    };
    const served: DnsService = {
      port: tcp.port,
      counts: () => service.counts(),
      close,
      [Symbol.asyncDispose]: close,
    };
    this.#services.add(served);
    return served;
  }

  totals(): ResolverTotals {
    return {
      questions: this.#verdicts.report(),
      lookup: this.#lookups.totals(),
      upstream: this.#latency.report(),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#services].map((service) => service.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
