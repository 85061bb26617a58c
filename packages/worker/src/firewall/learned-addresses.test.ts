import type { NetworkPolicy } from "@fastvm/contract";
import { describe, expect, it } from "vitest";
import { policy, rule } from "../testing/policies.ts";
import { LearnedAddresses, MAX_LEARNED_PER_VM, matchesName, renderChanges } from "./learned-addresses.ts";
import { nameId } from "./rule-id.ts";

const NOW = 1_000_000;
const byName = rule("*.example.test");
const OF4 = { index: 5, rule: nameId(byName), family: 4 as const };
const OF6 = { ...OF4, family: 6 as const };
const entry = (address: string, ttlSec = 60, name = "www.example.test") => ({
  ...{ name, address, ttlSec },
  isAlias: false,
});
const nth = (n: number, ttlSec: number) => entry(`192.1.${n >> 8}.${n & 255}`, ttlSec);

/** As many addresses as there may be. */
function full(held: NetworkPolicy, ttlSec: (n: number) => number): LearnedAddresses {
  const learned = new LearnedAddresses(5, held);
  for (let n = 0; n < MAX_LEARNED_PER_VM; n++) learned.learn([nth(n, ttlSec(n))], NOW);
  return learned;
}

describe("learned addresses", () => {
  it("are known by VM, rule and family, once", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    expect(learned.learn([entry("192.0.2.1"), entry("2001:DB8::1")], NOW)).toEqual([
      { ...OF4, address: "192.0.2.1", ttlSec: 60, isKnown: false },
      { ...OF6, address: "2001:db8:0:0:0:0:0:1", ttlSec: 60, isKnown: false },
    ]);
    expect(learned.learn([entry("192.0.2.1", 30)], NOW + 1000)).toEqual([]);
    expect(learned.learn([entry("192.0.2.1", 60)], NOW + 30_000)).toEqual([
      { ...OF4, address: "192.0.2.1", ttlSec: 60, isKnown: true },
    ]);
    expect(learned.all(NOW + 80_000)).toEqual([{ ...OF4, address: "192.0.2.1", ttlSec: 10, isKnown: false }]);
  });

  it("count for a name however it is written", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    expect(learned.learn([entry("192.0.2.1", 60, "WWW.Example.TEST.")], NOW)).toHaveLength(1);
  });

  it("of a guarded range count for rules that deny only, and those last", () => {
    const denied = rule("www.example.test", { action: "deny" });
    const learned = new LearnedAddresses(5, policy([byName, denied]));
    expect(learned.learn([entry("10.0.0.1", 5)], NOW)).toEqual([
      { ...OF4, rule: nameId(denied), address: "10.0.0.1", ttlSec: 600, isKnown: false },
      { ...OF6, rule: nameId(denied), address: "64:ff9b:0:0:0:0:a00:1", ttlSec: 600, isKnown: false },
    ]);
  });

  it("of a name that only an alias led to count for rules that deny", () => {
    const denied = rule("www.example.test", { action: "deny" });
    const learned = new LearnedAddresses(5, policy([byName, denied]));
    const claimed = [entry("192.0.2.1", 60, "evil.test"), { ...entry("192.0.2.1"), isAlias: true }];
    expect(learned.learn(claimed, NOW)).toEqual([
      { ...OF4, rule: nameId(denied), address: "192.0.2.1", ttlSec: 600, isKnown: false },
      { ...OF6, rule: nameId(denied), address: "64:ff9b:0:0:0:0:c000:201", ttlSec: 600, isKnown: false },
    ]);
    expect(learned.learn([entry("192.0.2.1")], NOW)).toEqual([
      { ...OF4, address: "192.0.2.1", ttlSec: 60, isKnown: false },
    ]);
  });

  it("that are no addresses are left out", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    expect(learned.learn([entry("1.2.3.4 }; flush ruleset"), entry("fe80::1%eth0")], NOW)).toEqual([]);
  });

  it("are learned once from all names of a chain, and by so many rules at most", () => {
    const rules = Array.from({ length: 60 }, (_, n) => rule(`*.${"a.".repeat(n)}example.test`));
    const learned = new LearnedAddresses(5, policy(rules));
    const names = [1, 2, 3].map((n) => `${"a.".repeat(60 + n)}example.test`);
    const chain = names.map((name) => entry("192.0.2.1", 60, name));
    expect(learned.learn(chain, NOW)).toHaveLength(60);
    const addresses = Array.from({ length: 32 }, (_, n) => entry(`192.0.2.${n + 2}`, 60, names[0]));
    expect(learned.learn(addresses, NOW)).toHaveLength(512);
  });

  it("stay with a rule that stays, and go with one that goes", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    learned.learn([entry("192.0.2.1")], NOW);
    expect(learned.under(policy([rule("10.0.0.0/8"), byName])).all(NOW)).toHaveLength(1);
    expect(
      learned
        .under(policy([]))
        .under(policy([byName]))
        .all(NOW),
    ).toEqual([]);
    // It is the name that was learned, not the ports.
    expect(learned.under(policy([rule("*.example.test", { protocol: "tcp" })])).all(NOW)).toHaveLength(1);
  });

  it("have a bound for each VM: those that are out of date first make room", () => {
    const learned = full(policy([byName]), (n) => (n >= 100 && n < 164 ? 50 : 60));
    const changes = learned.learn([entry("192.2.0.0")], NOW);
    expect(changes[0]).toEqual({ ...OF4, address: "192.1.0.100", ttlSec: 0, isKnown: true });
    expect(changes[63]).toEqual({ ...OF4, address: "192.1.0.163", ttlSec: 0, isKnown: true });
    expect(changes[64]).toEqual({ ...OF4, address: "192.2.0.0", ttlSec: 60, isKnown: false });
    expect(learned.all(NOW)).toHaveLength(MAX_LEARNED_PER_VM - 63);
  });

  it("that are out of date all make room", () => {
    const learned = full(policy([byName]), (n) => (n < 9 ? 50 : 60));
    const changes = learned.learn([entry("192.2.0.0")], NOW + 50_000);
    expect(changes.map(({ ttlSec }) => ttlSec)).toEqual([...Array<number>(9).fill(0), 60]);
  });

  it("of a rule that learns without end take no other rule's few", () => {
    const denied = rule("denied.test", { action: "deny" });
    const learned = new LearnedAddresses(5, policy([denied, byName]));
    learned.learn([entry("192.3.0.0", 600, "denied.test"), entry("2001:db8::1", 600)], NOW);
    for (let n = 0; n < 2 * MAX_LEARNED_PER_VM; n++) learned.learn([nth(n, 86_400)], NOW);
    const left = learned.all(NOW);
    expect(left.length).toBeGreaterThan(MAX_LEARNED_PER_VM - 64);
    expect(left.length).toBeLessThanOrEqual(MAX_LEARNED_PER_VM);
    expect(left.filter(({ ttlSec }) => ttlSec === 600)).toHaveLength(3);
  });

  it("are taken out of the kernel with the rule, and with the VM", () => {
    const other = rule("other.test");
    const learned = new LearnedAddresses(5, policy([byName, other]));
    learned.learn([entry("192.0.2.1"), entry("192.0.2.2", 60, "other.test")], NOW);
    const gone = { ...OF4, address: "192.0.2.1", ttlSec: 0, isKnown: true };
    expect(learned.notIn(learned.under(policy([other])))).toEqual([gone]);
    expect(learned.notIn(undefined)).toHaveLength(2);
    expect(learned.hasUse(gone)).toBe(true);
    expect(learned.hasUse({ ...gone, index: 6 })).toBe(false);
    expect(learned.under(policy([other])).hasUse(gone)).toBe(false);
  });

  it("are forgotten when the kernel did not take them", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    const changes = learned.learn([entry("192.0.2.1")], NOW);
    learned.forget(changes);
    expect(learned.learn([entry("192.0.2.1")], NOW)).toEqual(changes);
  });
});

it("an element that is there is taken out before it is put in", () => {
  const change = { index: 16, rule: "0000beef", family: 4 as const, address: "192.0.2.1", ttlSec: 9 };
  const add = "add element inet t learned4 { 192.0.2.1 . 0x10 . 0x0000beef timeout 9s }\n";
  const remove = "delete element inet t learned4 { 192.0.2.1 . 0x10 . 0x0000beef }\n";
  expect(renderChanges("inet t", [{ ...change, isKnown: false }])).toBe(add);
  expect(renderChanges("inet t", [{ ...change, isKnown: true }])).toBe(add + remove + add);
  expect(renderChanges("inet t", [{ ...change, isKnown: true, ttlSec: 0 }])).toBe(
    add.replace("9s", "1s") + remove,
  );
});

it.each([
  ["a.test", "a.test", true],
  ["a.test", "b.a.test", false],
  ["*.a.test", "b.a.test", true],
  ["*.a.test", "c.b.a.test", true],
  ["*.a.test", "a.test", false],
  ["*.a.test", ".a.test", false],
  ["*.a.test", "ba.test", false],
])("%s means %s: %s", (pattern, name, expected) => {
  expect(matchesName(pattern, name)).toBe(expected);
});
