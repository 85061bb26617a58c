import { describe, expect, it } from "vitest";
import { policy, rule } from "../testing/policies.ts";
import { LearnedAddresses, MAX_LEARNED_PER_SET, matchesName, renderChanges } from "./learned-addresses.ts";
import { ruleId } from "./rule-id.ts";

const NOW = 1_000_000;
const byName = rule("*.example.test");
const SET4 = `vm5_${ruleId(byName)}_4`;
const SET6 = `vm5_${ruleId(byName)}_6`;
const entry = (address: string, ttlSec = 60, name = "www.example.test") => ({ name, address, ttlSec });

describe("learned addresses", () => {
  it("go into the set of their family, once", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    expect(learned.learn([entry("192.0.2.1"), entry("2001:DB8::1")], NOW)).toEqual([
      { set: SET4, address: "192.0.2.1", ttlSec: 60, isKnown: false },
      { set: SET6, address: "2001:db8:0:0:0:0:0:1", ttlSec: 60, isKnown: false },
    ]);
    expect(learned.learn([entry("192.0.2.1", 30)], NOW + 1000)).toEqual([]);
    expect(learned.learn([entry("192.0.2.1", 60)], NOW + 30_000)).toEqual([
      { set: SET4, address: "192.0.2.1", ttlSec: 60, isKnown: true },
    ]);
    expect(learned.all(NOW + 80_000)).toEqual([
      { set: SET4, address: "192.0.2.1", ttlSec: 10, isKnown: false },
    ]);
  });

  it("count for a name however it is written", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    expect(learned.learn([entry("192.0.2.1", 60, "WWW.Example.TEST.")], NOW)).toHaveLength(1);
  });

  it("of a guarded range count for rules that deny only, and those last", () => {
    const denied = rule("www.example.test", { action: "deny" });
    const learned = new LearnedAddresses(5, policy([byName, denied]));
    expect(learned.learn([entry("10.0.0.1", 5)], NOW)).toEqual([
      { set: `vm5_${ruleId(denied)}_4`, address: "10.0.0.1", ttlSec: 600, isKnown: false },
    ]);
  });

  it("that are no addresses are left out", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    expect(learned.learn([entry("1.2.3.4 }; flush ruleset"), entry("fe80::1%eth0")], NOW)).toEqual([]);
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
    expect(learned.under(policy([rule("*.example.test", { protocol: "tcp" })])).all(NOW)).toEqual([]);
  });

  it("have a bound: the one that is out of date first makes room", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    for (let n = 0; n < MAX_LEARNED_PER_SET; n++) {
      learned.learn([entry(`192.1.${n >> 8}.${n & 255}`, n === 77 ? 50 : 60)], NOW);
    }
    expect(learned.learn([entry("192.2.0.0")], NOW)).toEqual([
      { set: SET4, address: "192.1.0.77", ttlSec: 0, isKnown: true },
      { set: SET4, address: "192.2.0.0", ttlSec: 60, isKnown: false },
    ]);
    expect(learned.all(NOW)).toHaveLength(MAX_LEARNED_PER_SET);
  });

  it("are forgotten when the kernel did not take them", () => {
    const learned = new LearnedAddresses(5, policy([byName]));
    const changes = learned.learn([entry("192.0.2.1")], NOW);
    learned.forget(changes);
    expect(learned.learn([entry("192.0.2.1")], NOW)).toEqual(changes);
  });
});

it("an element that is there is taken out before it is put in", () => {
  const change = { set: "s", address: "192.0.2.1", ttlSec: 9 };
  const add = "add element inet t s { 192.0.2.1 timeout 9s }\n";
  const remove = "delete element inet t s { 192.0.2.1 }\n";
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
