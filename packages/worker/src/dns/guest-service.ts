/** Answers the questions of one VM: its rate, its policy, its counts. Whatever arrives, `answer` neither throws nor rejects. */
import type { DnsCounts } from "@fastvm/contract";
import { learnedAddresses, mayResolve, permit } from "./answer-policy.ts";
import { type Answer, MAX_TCP_BYTES, maxUdpBytes, writeAnswer } from "./answer-writer.ts";
import type { DnsGuest } from "./guest-port.ts";
import { guardQuery, type Question } from "./header-guard.ts";
import { isLocalName } from "./local-names.ts";
import { RateLimit, type RateLimitOptions } from "./rate-limit.ts";
import type { Found, Lookup } from "./lookup.ts";
import { UpstreamError } from "./upstream-exchange.ts";
import type { Asked } from "./upstreams.ts";
import type { Verdict, VerdictTotals } from "./verdict-totals.ts";
import * as wire from "./wire.ts";

/** What programs that fetch many things at once need; a guest alone cannot use up the daemon's sockets. */
const MAX_IN_FLIGHT = 32;
/** The firewall takes some milliseconds; longer means that it hangs. */
const LEARN_MS = 2000;
/** A firewall that fails does so for every question; once in a while is enough to be told. */
const ERROR_INTERVAL_MS = 10_000;
/** From 128 to 255 no types are records: transfers, "any" and their kin. */
const FIRST_META_TYPE = 128;

interface GuestServiceOptions {
  readonly guest: DnsGuest;
  readonly lookup: Lookup;
  /** As the policy of now says. */
  readonly asked: () => Asked;
  readonly rate: RateLimitOptions;
  readonly totals: VerdictTotals;
  readonly onError: (error: Error) => void;
}

type Outcome = readonly [Verdict, Answer];

export class GuestService {
  readonly #options: GuestServiceOptions;
  readonly #rate: RateLimit;
  readonly #counts = { answered: 0, refused: 0, filtered: 0, limited: 0, failed: 0 };
  #inFlight = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: GuestServiceOptions) {
    this.#options = options;
    this.#rate = new RateLimit(options.rate, performance.now());
  }

  counts(): DnsCounts {
    return { ...this.#counts };
  }

  /** `undefined` means no answer: for what is no question, and over the limits, where each answer would only cost more. */
  async answer(message: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    if (!this.#rate.take(performance.now())) return this.#count("limited");
    const guarded = guardQuery(message);
    if (guarded.kind !== "question") {
      this.#count("malformed");
      return guarded.kind === "reject" ? guarded.answer : undefined;
    }
    const { question } = guarded;
    const outcome = await this.#outcome(question);
    if (outcome === undefined) return this.#count("limited");
    const [verdict, answer] = outcome;
    this.#count(verdict);
    return writeAnswer(question, answer, transport === "udp" ? maxUdpBytes(question) : MAX_TCP_BYTES);
  }

  #count(verdict: Verdict): undefined {
    this.#options.totals.add(verdict);
    if (verdict !== "malformed") this.#counts[verdict] += 1;
  }

  async #outcome(question: Question): Promise<Outcome | undefined> {
    try {
      const outcome = this.#withoutUpstream(question);
      if (outcome !== undefined) return outcome;
      // Also what is known waits for the firewall.
      if (this.#inFlight >= MAX_IN_FLIGHT) return undefined;
      this.#inFlight += 1;
      try {
        const { lookup } = this.#options;
        const asked = this.#options.asked();
        const found = lookup.known(question, asked) ?? (await lookup.ask(question, asked));
        return await this.#permitted(question, found);
      } finally {
        this.#inFlight -= 1;
      }
    } catch (error) {
      // That no upstream answers is in the totals; anything else is to be looked into.
      if (!(error instanceof UpstreamError)) this.#report(error);
      return ["failed", { rcode: wire.RCODE_SERVER_FAILURE }];
    }
  }

  #report(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#reportedAtMs < ERROR_INTERVAL_MS) return;
    this.#reportedAtMs = nowMs;
    this.#options.onError(error instanceof Error ? error : new Error(String(error)));
  }

  #withoutUpstream({ edns, class: klass, type, name }: Question): Outcome | undefined {
    const { guest } = this.#options;
    if (edns !== undefined && edns.version > 0) return ["answered", { rcode: wire.RCODE_BAD_VERSION }];
    if (klass !== wire.CLASS_IN) return ["refused", { rcode: wire.RCODE_REFUSED }];
    if (!mayResolve(guest.policy(), name)) return ["refused", { rcode: wire.RCODE_NO_SUCH_NAME }];
    if (isLocalName(name, (address) => guest.allowsAddress(address))) {
      return ["answered", { rcode: wire.RCODE_NO_SUCH_NAME }];
    }
    // Both name addresses beside the name, which nobody needs: without them clients ask for A and AAAA.
    const empty = type === wire.TYPE_SVCB || type === wire.TYPE_HTTPS || type === wire.TYPE_ANY;
    if (empty) return ["answered", { rcode: wire.RCODE_OK }];
    const meta = type === 0 || type === wire.TYPE_OPT || (type >= FIRST_META_TYPE && type < wire.TYPE_ANY);
    return meta ? ["answered", { rcode: wire.RCODE_NOT_IMPLEMENTED }] : undefined;
  }

  async #permitted(question: Question, { resolution, ttlSec }: Found): Promise<Outcome> {
    const { guest } = this.#options;
    const { verdict, records } = permit(guest, question.name, resolution);
    if (verdict === "refused") return [verdict, { rcode: wire.RCODE_NO_SUCH_NAME }];
    if (verdict === "filtered" && records.length === 0) return [verdict, { rcode: wire.RCODE_OK }];
    const aliases = resolution.chain.map(({ target }) => target);
    const entries = learnedAddresses({ asked: question.name, aliases }, records, ttlSec);
    if (entries.length > 0) await inTime(guest.learn(entries));
    const { rcode, chain, authority } = resolution;
    return [verdict, { rcode, chain, records, authority, ttlSec }];
  }
}

function inTime(promise: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      reject,
      LEARN_MS,
      new Error(`the firewall took no addresses within ${LEARN_MS} ms`),
    );
    promise.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
