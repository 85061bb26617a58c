/**
 * Addresses that rules by name stand for just now: those that the resolver handed out, for as long as its answer is good. A copy
 * of what the kernel's sets have of a VM, so that they can be filled again, and so that an answer that changes nothing costs no
 * transaction. Nothing is in the kernel that is not in here too, so this is also where a VM's share of the sets has its bound.
 */
import type { FirewallRule, NetworkPolicy } from "@fastvm/contract";
import { otherAddresses } from "../ip/address-forms.ts";
import { isGuarded } from "../ip/guarded-ranges.ts";
import type { LearnedAddress } from "./guest-port.ts";
import { formatAddress, parseAddress } from "../ip/ip-network.ts";
import type { Family, IpAddress } from "../ip/ip-network.ts";
import { learnedSet } from "./render-rules.ts";
import { nameId } from "./rule-id.ts";

/** A guest that has more open at a time has asked a server that means ill. The kernel needs some 150 bytes for each. */
export const MAX_LEARNED_PER_VM = 4096;
/** An answer has at most 32 addresses; more than some rules that mean one name are made to cost us time. */
const MAX_LEARNED_AT_ONCE = 512;
/** So that a guest that learns without end does not have all of them looked at for each. */
const EVICTED_AT_ONCE = 64;
/** Guests remember names for longer than they should; for a rule that denies, that must not be a way around. */
const MIN_DENIED_SEC = 600;
const MAX_TTL_SEC = 86_400;
/** An address that lives nearly as long as it should is left alone. */
const SLACK_MS = 1000;
/** Our clock and the kernel's timers differ by less. */
const CLOCK_SKEW_MS = 2000;

/** One address that a rule of a VM learned. */
export interface LearnedElement {
  /** The VM's. */
  readonly index: number;
  /** The name's id. */
  readonly rule: string;
  readonly family: Family;
  readonly address: string;
}

/** One address that is to be there for `ttlSec` from now; 0 takes it out. */
export interface AddressChange extends LearnedElement {
  readonly ttlSec: number;
  /** The kernel may have it: an element's time can only be changed by taking it out. */
  readonly isKnown: boolean;
}

/** What one rule learned of one family: until when each address is good. */
interface Share extends Omit<LearnedElement, "address"> {
  readonly expiries: Map<string, number>;
}

export class LearnedAddresses {
  readonly #index: number;
  readonly #rules: readonly FirewallRule[];
  readonly #shares: ReadonlyMap<string, Share>;

  constructor(index: number, policy: NetworkPolicy, former?: LearnedAddresses) {
    this.#index = index;
    const rules = policy.egress.rules.filter(({ kind }) => kind === "fqdn");
    // Rules for other ports of a name share its addresses: a guest cannot have one answer kept hundreds of times.
    this.#rules = [...new Map(rules.map((rule) => [nameId(rule), rule])).values()];
    const shares = this.#rules.flatMap((rule) =>
      ([4, 6] as const).map((family): Share => ({ index, rule: nameId(rule), family, expiries: new Map() })),
    );
    const known = former === undefined ? undefined : former.#shares;
    this.#shares = new Map(shares.map((share) => [shareKey(share), known?.get(shareKey(share)) ?? share]));
  }

  /** What is known of the rules that remain is known for the new policy too. */
  under(policy: NetworkPolicy): LearnedAddresses {
    return new LearnedAddresses(this.#index, policy, this);
  }

  /** Takes out of the kernel's sets what `next` has no use for. */
  notIn(next: LearnedAddresses | undefined): readonly AddressChange[] {
    return [...this.#shares.values()]
      .filter((share) => next === undefined || !next.#shares.has(shareKey(share)))
      .flatMap((share) => [...share.expiries.keys()].map((address) => removal(share, address)));
  }

  /** Whether a rule's name was told to the VM with this address. One whose time is over counts: its connection has come in meanwhile. */
  hasLearned(rule: FirewallRule, text: string): boolean {
    const address = parseAddress(text);
    if (address === undefined) return false;
    const key = shareKey({ rule: nameId(rule), family: address.family });
    return this.#shares.get(key)?.expiries.has(formatAddress(address)) === true;
  }

  /** Whether a rule of the VM learns such addresses. */
  hasUse(element: LearnedElement): boolean {
    return element.index === this.#index && this.#shares.has(shareKey(element));
  }

  /** What the kernel's sets lack for these answers. They count as known from now on: `forget` them if the kernel did not take them. */
  learn(entries: readonly LearnedAddress[], nowMs: number): readonly AddressChange[] {
    const changes: AddressChange[] = [];
    const rulesOf = new Map<string, readonly FirewallRule[]>();
    const seen = new Set<string>();
    for (const { name, isAlias, address: text, ttlSec } of entries) {
      const rules = rulesOf.get(name) ?? this.#rulesFor(name);
      rulesOf.set(name, rules);
      const forms = rules.length === 0 ? [] : formsOf(text);
      for (const [rule, address] of rules.flatMap((one) => pairs(one, forms))) {
        // Names may lead anywhere; that an address is inside of a guarded range must be said by a rule with the address.
        if (rule.action === "allow" && (isAlias || isGuarded(text))) continue;
        const element = {
          ...{ index: this.#index, rule: nameId(rule) },
          ...{ family: address.family, address: formatAddress(address) },
        };
        // A rule that means several names of an alias's chain learns each address once.
        const key = `${element.rule} ${element.address}`;
        if (seen.has(key)) continue;
        seen.add(key);
        changes.push(...this.#extend(element, boundedTtl(ttlSec, rule.action), nowMs));
        if (seen.size >= MAX_LEARNED_AT_ONCE) return changes;
      }
    }
    return changes;
  }

  #rulesFor(name: string): readonly FirewallRule[] {
    const plain = name.toLowerCase().replace(/\.$/, "");
    return this.#rules.filter((rule) => matchesName(rule.value, plain));
  }

  /** What a daemon before us had learned. */
  remember(element: LearnedElement, ttlSec: number, nowMs: number): void {
    this.#shares.get(shareKey(element))?.expiries.set(element.address, nowMs + ttlSec * 1000);
  }

  forget(changes: readonly AddressChange[]): void {
    for (const change of changes) {
      if (change.index === this.#index) this.#shares.get(shareKey(change))?.expiries.delete(change.address);
    }
  }

  /** All that is still good, to fill empty sets with. */
  all(nowMs: number): readonly AddressChange[] {
    return [...this.#shares.values()].flatMap(({ index, rule, family, expiries }) =>
      [...expiries].flatMap(([address, expiry]) => {
        const ttlSec = Math.ceil((expiry - nowMs) / 1000);
        return ttlSec > 0 ? [{ index, rule, family, address, ttlSec, isKnown: false }] : [];
      }),
    );
  }

  #extend(element: LearnedElement, ttlSec: number, nowMs: number): readonly AddressChange[] {
    const expiries = this.#shares.get(shareKey(element))?.expiries;
    if (expiries === undefined) return [];
    const expiry = nowMs + ttlSec * 1000;
    const former = expiries.get(element.address);
    if (former !== undefined && former + SLACK_MS >= expiry) return [];
    const evicted = former === undefined ? this.#makeRoom(nowMs) : [];
    expiries.set(element.address, expiry);
    const isKnown = former !== undefined && former + CLOCK_SKEW_MS > nowMs;
    return [...evicted, { ...element, ttlSec, isKnown }];
  }

  /**
   * All that is out of date goes first, then some that the rule with the most addresses
   * would lose next: no rule's flood takes another's few, such as what it denies.
   */
  #makeRoom(nowMs: number): readonly AddressChange[] {
    const shares = [...this.#shares.values()];
    const count = shares.reduce((sum, { expiries }) => sum + expiries.size, 0);
    if (count < MAX_LEARNED_PER_VM) return [];
    const old = shares.flatMap((share) =>
      [...share.expiries].flatMap(([address, expiry]) => (expiry <= nowMs ? [removal(share, address)] : [])),
    );
    const largest = shares.reduce((one, other) => (other.expiries.size > one.expiries.size ? other : one));
    const evicted = old.length > 0 ? old : soonest(largest).map((address) => removal(largest, address));
    this.forget(evicted);
    return evicted;
  }
}

/** The address, then its other forms. */
function formsOf(text: string): readonly IpAddress[] {
  return [text, ...otherAddresses(text)].flatMap((form) => parseAddress(form) ?? []);
}

/** What is denied is so in all forms; what is allowed is what was answered. */
function pairs(
  rule: FirewallRule,
  forms: readonly IpAddress[],
): readonly (readonly [FirewallRule, IpAddress])[] {
  return (rule.action === "deny" ? forms : forms.slice(0, 1)).map((form) => [rule, form] as const);
}

function shareKey({ rule, family }: Pick<LearnedElement, "rule" | "family">): string {
  return `${rule} ${family}`;
}

function removal({ index, rule, family }: Omit<LearnedElement, "address">, address: string): AddressChange {
  return { index, rule, family, address, ttlSec: 0, isKnown: true };
}

function soonest({ expiries }: Share): readonly string[] {
  const count = Math.min(EVICTED_AT_ONCE, Math.ceil(expiries.size / 2));
  const inOrder = [...expiries].toSorted(([, one], [, other]) => one - other);
  return inOrder.slice(0, count).map(([address]) => address);
}

/** `*.` stands for one or more labels. */
export function matchesName(pattern: string, name: string): boolean {
  return pattern.startsWith("*.")
    ? name.endsWith(pattern.slice(1)) && name !== pattern.slice(1)
    : name === pattern;
}

export function renderChanges(table: string, changes: readonly AddressChange[]): string {
  return changes
    .flatMap(({ index, rule, family, address, ttlSec, isKnown }) => {
      const set = `${table} ${learnedSet(family)}`;
      const key = `${address} . 0x${index.toString(16)} . 0x${rule}`;
      const add = `add element ${set} { ${key} timeout ${Math.max(ttlSec, 1)}s }`;
      const remove = `delete element ${set} { ${key} }`;
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
