/** What rules by name let through, with real packets. */
import { describe, expect, it } from "vitest";
import {
  INDEX,
  NAME,
  OTHER4,
  PRIVATE4,
  SITE4,
  SITE6,
  TABLE,
  learned,
  sleep,
  useFirewallLab,
} from "../testing/firewall-lab.ts";
import { LAB_PORT as PORT, policy, rule, tcp, udp } from "../testing/policies.ts";
import { MAX_LEARNED_PER_VM } from "./learned-addresses.ts";

const at = useFirewallLab();

describe("a rule by name", () => {
  const byName = rule("*.example.test", { protocol: "tcp", ports: `${PORT}` });

  it("lets the VM reach what was learned, until that is out of date; open flows live on", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), policy([byName]));
    expect(await at.vm.reaches(tcp(SITE4))).toBe(false);
    await at.firewall.learn(INDEX, [...learned(SITE4, 2), ...learned(SITE6, 2)]);
    expect(await at.vm.opens("four", tcp(SITE4))).toBe(true);
    expect(await at.vm.opens("six", tcp(SITE6))).toBe(true);
    expect(await at.vm.reaches(udp(SITE4))).toBe(false);
    expect(await at.vm.reaches(tcp(OTHER4))).toBe(false);
    await sleep(2500);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(false);
    expect(await at.vm.reaches(tcp(SITE6))).toBe(false);
    expect(await at.vm.echoes("four")).toBe(true);
    expect(await at.vm.echoes("six")).toBe(true);
    // With the rule, its flows go.
    await at.firewall.update(INDEX, policy([rule("*.example.test", { protocol: "udp", ports: `${PORT}` })]));
    expect(await at.vm.echoes("four")).toBe(false);
    expect(await at.vm.echoes("six")).toBe(false);
  });

  it("means neither its apex nor other names nor guarded addresses", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), policy([rule("*.example.test")]));
    await at.firewall.learn(INDEX, learned(SITE4, 60, "example.test"));
    await at.firewall.learn(INDEX, learned(SITE4, 60, "badexample.test"));
    await at.firewall.learn(INDEX, learned(PRIVATE4, 60));
    await at.firewall.learn(INDEX, learned("203.0.113.1", 60));
    expect(await at.vm.reaches(tcp(SITE4))).toBe(false);
    expect(await at.vm.reaches(tcp(PRIVATE4))).toBe(false);
    await at.firewall.learn(INDEX, learned(SITE4, 60, "deep.www.example.test"));
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
  });

  it("keeps what it learned over a change that keeps the rule, and loses it with the rule", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), policy([byName]));
    await at.firewall.learn(INDEX, learned(SITE4, 60));
    await at.firewall.update(INDEX, policy([rule(`${OTHER4}/32`, { action: "deny" }), byName]));
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
    await at.firewall.update(INDEX, policy([]));
    expect(await at.nft(`list set ${TABLE} learned4`)).not.toContain(SITE4);
    await at.firewall.update(INDEX, policy([byName]));
    expect(await at.vm.reaches(tcp(SITE4))).toBe(false);
  });

  it("denies too", async () => {
    const denied = rule(NAME, { action: "deny" });
    await at.firewall.attach(at.lab.guest(INDEX), policy([denied], [], { egressDefault: "allow" }));
    expect(await at.vm.opens("open", tcp(SITE4))).toBe(true);
    await at.firewall.learn(INDEX, learned(SITE4, 5));
    expect(await at.vm.echoes("open")).toBe(false);
    expect(await at.vm.reaches(udp(SITE4))).toBe(false);
    expect(await at.vm.reaches(tcp(OTHER4))).toBe(true);
  });

  it("takes an address's longer time, many answers at once, and more addresses than a VM should have", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), policy([byName]));
    await at.firewall.learn(INDEX, learned(SITE4, 1));
    await at.firewall.learn(INDEX, learned(SITE4, 60));
    await sleep(1500);
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
    const many = Array.from({ length: 5000 }, (_, n) => `100.128.${n >> 8}.${n & 255}`);
    await Promise.all(many.map((address) => at.firewall.learn(INDEX, learned(address, 30))));
    await at.firewall.learn(INDEX, learned(OTHER4, 60));
    expect(await at.vm.reaches(tcp(OTHER4))).toBe(true);
    expect(at.errors).toEqual([]);
  });

  it("is another's of another VM: neither its addresses nor how many they are matter to this one", async () => {
    await at.firewall.attach(at.lab.guest(INDEX), policy([byName]));
    await at.firewall.attach(at.lab.guest(997), policy([byName]));
    await at.firewall.learn(INDEX, learned(SITE4, 60));
    await at.firewall.learn(997, learned(OTHER4, 60));
    expect(await at.vm.reaches(tcp(OTHER4))).toBe(false);
    const endless = Array.from({ length: 10_000 }, (_, n) => `100.128.${n >> 8}.${n & 255}`);
    await Promise.all(endless.map((address) => at.firewall.learn(997, learned(address, 86_400))));
    expect(await at.vm.reaches(tcp(SITE4))).toBe(true);
    await at.firewall.learn(INDEX, learned(OTHER4, 60));
    expect(await at.vm.reaches(tcp(OTHER4))).toBe(true);
    const count = async (): Promise<number> =>
      (await at.nft(`list set ${TABLE} learned4`)).match(/ expires /g)?.length ?? 0;
    expect(await count()).toBeGreaterThan(MAX_LEARNED_PER_VM - 64);
    expect(await count()).toBeLessThanOrEqual(MAX_LEARNED_PER_VM + 2);
    await at.firewall.detach(997);
    expect(await count()).toBe(2);
    expect(at.errors).toEqual([]);
  });
});
