/**
 * Addresses that rules by name stand for just now: those that the resolver handed out, for as long as its answer is good. A copy of the kernel's sets, so that they can
 * be filled again, and so that an answer that changes nothing costs no transaction.
 */
import type { FirewallRule, NetworkPolicy } from "@fastvm/contract";
import { isGuarded } from "../network/guarded-ranges.ts";
import type { LearnedAddress } from "./guest-port.ts";
import { formatAddress, parseAddress } from "./ip-network.ts";
import { learnedSet } from "./render-rules.ts";
import { ruleId } from "./rule-id.ts";

/** Of one rule and family. A guest that has more open at a time has asked a server that means ill. */
export const MAX_LEARNED_PER_SET = 4096;
/** Guests remember names for longer than they should; for a rule that denies, that must not be a way around. */
const MIN_DENIED_SEC = 600;
const MAX_TTL_SEC = 86_400;
/** An address that lives nearly as long as it should is left alone. */
const SLACK_MS = 1000;
/** Our clock and the kernel's timers differ by less. */
const CLOCK_SKEW_MS = 2000;

/** One address that is to stay in a set for `ttlSec` from now; 0 takes it out. */
export interface SetChange {
  readonly set: string;
  readonly address: string;
  readonly ttlSec: number;
  /** The kernel may have it: an element's time can only be changed by taking it out. */
  readonly isKnown: boolean;
}

type Expiries = Map<string, number>;

export class LearnedAddresses {
  readonly #index: number;
  readonly #rules: readonly FirewallRule[];
  readonly #sets: ReadonlyMap<string, Expiries>;

  constructor(index: number, policy: NetworkPolicy, former?: LearnedAddresses) {
    this.#index = index;
    this.#rules = policy.egress.rules.filter(({ kind }) => kind === "fqdn");
    const names = this.#rules.flatMap((rule) => this.#setsOf(rule));
    const known: ReadonlyMap<string, Expiries> = former === undefined ? new Map() : former.#sets;
    this.#sets = new Map(names.map((name) => [name, known.get(name) ?? new Map<string, number>()]));
  }

  /** What is known of the rules that remain is known for the new policy too. */
  under(policy: NetworkPolicy): LearnedAddresses {
    return new LearnedAddresses(this.#index, policy, this);
  }

  get setNames(): readonly string[] {
    return [...this.#sets.keys()];
  }

  /** What the kernel's sets lack for these answers. They count as known from now on: `forget` them if the kernel did not take them. */
  learn(entries: readonly LearnedAddress[], nowMs: number): readonly SetChange[] {
    return entries.flatMap((entry) => {
      const address = parseAddress(entry.address);
      if (address === undefined) return [];
      const text = formatAddress(address);
      const name = entry.name.toLowerCase().replace(/\.$/, "");
      return this.#rules.flatMap((rule) => {
        if (!matchesName(rule.value, name)) return [];
        // Names may lead anywhere; that an address is inside of a guarded range must be said by a rule with the address.
        if (rule.action === "allow" && isGuarded(entry.address)) return [];
        const ttlSec = boundedTtl(entry.ttlSec, rule.action);
        return this.#extend(learnedSet(this.#index, ruleId(rule), address.family), text, ttlSec, nowMs);
      });
    });
  }

  /** What a daemon before us had learned. */
  remember(set: string, address: string, ttlSec: number, nowMs: number): void {
    this.#sets.get(set)?.set(address, nowMs + ttlSec * 1000);
  }

  forget(changes: readonly SetChange[]): void {
    for (const { set, address } of changes) this.#sets.get(set)?.delete(address);
  }

  /** All that is still good, to fill empty sets with. */
  all(nowMs: number): readonly SetChange[] {
    return [...this.#sets].flatMap(([set, expiries]) =>
      [...expiries].flatMap(([address, expiry]) => {
        const ttlSec = Math.ceil((expiry - nowMs) / 1000);
        return ttlSec > 0 ? [{ set, address, ttlSec, isKnown: false }] : [];
      }),
    );
  }

  #extend(set: string, address: string, ttlSec: number, nowMs: number): readonly SetChange[] {
    const expiries = this.#sets.get(set);
    if (expiries === undefined) return [];
    const expiry = nowMs + ttlSec * 1000;
    const former = expiries.get(address);
    if (former !== undefined && former + SLACK_MS >= expiry) return [];
    const evicted = former === undefined ? makeRoom(set, expiries, nowMs) : [];
    expiries.set(address, expiry);
    const isKnown = former !== undefined && former + CLOCK_SKEW_MS > nowMs;
    return [...evicted, { set, address, ttlSec, isKnown }];
  }

  #setsOf(rule: FirewallRule): readonly string[] {
    const id = ruleId(rule);
    return [learnedSet(this.#index, id, 4), learnedSet(this.#index, id, 6)];
  }
}

/** `*.` stands for one or more labels. */
export function matchesName(pattern: string, name: string): boolean {
  return pattern.startsWith("*.")
    ? name.endsWith(pattern.slice(1)) && name !== pattern.slice(1)
    : name === pattern;
}

export function renderChanges(table: string, changes: readonly SetChange[]): string {
  return changes
    .flatMap(({ set, address, ttlSec, isKnown }) => {
      const add = `add element ${table} ${set} { ${address} timeout ${Math.max(ttlSec, 1)}s }`;
      const remove = `delete element ${table} ${set} { ${address} }`;
      // Taking out what has just expired would fail, so it is put in first.
      if (ttlSec === 0) return [add, remove];
      return isKnown ? [add, remove, add] : [add];
    })
    .map((line) => `${line}\n`)
    .join("");
}

function boundedTtl(ttlSec: number, action: FirewallRule["action"]): number {
  const atLeast = action === "deny" ? MIN_DENIED_SEC : 1;
  return Math.min(Math.max(Math.ceil(ttlSec), atLeast), MAX_TTL_SEC);
}

function makeRoom(set: string, expiries: Expiries, nowMs: number): readonly SetChange[] {
  if (expiries.size < MAX_LEARNED_PER_SET) return [];
  for (const [address, expiry] of expiries) {
    if (expiry + CLOCK_SKEW_MS < nowMs) expiries.delete(address);
  }
  if (expiries.size < MAX_LEARNED_PER_SET) return [];
  let soonest: readonly [address: string, expiry: number] = ["", Infinity];
  for (const entry of expiries) if (entry[1] < soonest[1]) soonest = entry;
  expiries.delete(soonest[0]);
  return [{ set, address: soonest[0], ttlSec: 0, isKnown: true }];
}
