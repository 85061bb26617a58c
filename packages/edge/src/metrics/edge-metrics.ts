/** What the proxy has done since it started. */
import type { ProxyErrorCode } from "@fastvm/contract";

/** Upper bounds of the latency histogram's buckets, in ms; one more takes the rest. */
const LATENCY_BUCKETS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000] as const;

export interface EdgeMetrics {
  /** Answers by class of status, `1xx` for WebSockets that were opened, and `aborted` for clients that left before their answer. */
  readonly requests: Readonly<Record<string, number>>;
  /** Answers of the proxy's own, by code. */
  readonly proxyErrors: Readonly<Partial<Record<ProxyErrorCode, number>>>;
  /** From a request's headers to its answer's headers. */
  readonly latency: {
    /** Not cumulative; one more than there are bounds. */
    readonly counts: readonly number[];
    readonly bucketsMs: readonly number[];
    readonly sumMs: number;
    readonly count: number;
  };
  /** Requests under way, WebSockets included. */
  readonly openRequests: number;
  readonly openWebSockets: number;
  /** Into VMs. */
  readonly openConnections: number;
}

/** What becomes of one request. What is told first counts: an answer that the client does not take to its end was given nevertheless. */
export interface RequestOutcome {
  answered(status: number): void;
  aborted(): void;
}

export class MetricsRecorder {
  readonly #requests = new Map<string, number>();
  readonly #errors = new Map<ProxyErrorCode, number>();
  readonly #counts: number[] = Array.from({ length: LATENCY_BUCKETS_MS.length + 1 }, () => 0);
  #sumMs = 0;
  openRequests = 0;
  openWebSockets = 0;

  /** For a request that begins now. */
  begin(): RequestOutcome {
    const startedAt = performance.now();
    let isKnown = false;
    const first = (count: () => void) => {
      if (!isKnown) count();
      isKnown = true;
    };
    return {
      answered: (status) => first(() => this.#answered(status, performance.now() - startedAt)),
      aborted: () => first(() => this.#count("aborted")),
    };
  }

  failed(code: ProxyErrorCode): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  read(openConnections: number): EdgeMetrics {
    const { openRequests, openWebSockets } = this;
    return {
      requests: Object.fromEntries(this.#requests),
      proxyErrors: Object.fromEntries(this.#errors),
      latency: {
        counts: [...this.#counts],
        bucketsMs: LATENCY_BUCKETS_MS,
        sumMs: this.#sumMs,
        count: this.#counts.reduce((sum, count) => sum + count, 0),
      },
      openRequests,
      openWebSockets,
      openConnections,
    };
  }

  #answered(status: number, latencyMs: number): void {
    this.#count(`${Math.floor(status / 100)}xx`);
    const bucket = LATENCY_BUCKETS_MS.findIndex((bound) => latencyMs <= bound);
    const index = bucket === -1 ? LATENCY_BUCKETS_MS.length : bucket;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sumMs += latencyMs;
  }

  #count(outcome: string): void {
    this.#requests.set(outcome, (this.#requests.get(outcome) ?? 0) + 1);
  }
}
