/** What hundreds of VMs cost each other. */
import { describe, expect, it } from "vitest";
import {
  INDEX,
  NAME,
  OTHER4,
  learned,
  print,
  sleep,
  useFirewallLab,
  waitFor,
} from "../testing/firewall-lab.ts";
import { policy, rule, udp } from "../testing/policies.ts";

const FLOOD_MS = 1500;
const at = useFirewallLab();

describe("two hundred VMs", () => {
  const rules = Array.from({ length: 10 }, (_, n) =>
    rule(`10.${n}.0.0/16`, { protocol: "tcp", ports: "80-90" }),
  );

  /** The fastest of several: what the machine does besides must not count. */
  async function leastMs(task: (round: number) => Promise<unknown>): Promise<number> {
    const times: number[] = [];
    for (let round = 0; round < 15; round++) {
      const began = performance.now();
      await task(round);
      times.push(Math.round((performance.now() - began) * 10) / 10);
    }
    return Math.min(...times);
  }

  it("cost about what one costs", async () => {
    const held = policy(rules, [rule("::/0", { protocol: "tcp", ports: "22" })]);
    const costs = async (first: number) => ({
      attach: await leastMs((round) => at.firewall.attach(at.lab.guest(first + round), held)),
      update: await leastMs((round) => at.firewall.update(first + round, held)),
      learn: await leastMs(async (round) => {
        await at.firewall.learn(INDEX, learned(`198.51.100.${round + first - 1000}`, 60));
      }),
      report: await leastMs(() => at.firewall.report(INDEX)),
      reportAll: await leastMs(() => at.firewall.reportAll()),
      detach: await leastMs((round) => at.firewall.detach(first + round)),
    });
    await at.firewall.attach(at.lab.guest(INDEX), policy([rule(NAME), ...rules]));
    const one = await costs(1000);
    for (let index = 800; index < 1000; index++) await at.firewall.attach(at.lab.guest(index), held);
    const many = await costs(1100);
    print(`ms with 1 VM: ${JSON.stringify(one)}, with 200: ${JSON.stringify(many)}`);
    // What is denied goes through for as long as nothing filters: until the change is noticed, and not until all rules are back.
    await at.lab.internet.heard();
    const flooding = at.vm.floods(udp(OTHER4), 100, FLOOD_MS);
    await sleep(FLOOD_MS / 10);
    const began = performance.now();
    await at.nft("flush ruleset");
    expect(await waitFor(() => at.errors.length > 0, 15_000)).toBe(true);
    const putBackMs = performance.now() - began;
    const sent = await flooding;
    const openMs = (FLOOD_MS * (await at.lab.internet.heard()).length) / sent;
    print(`200 VMs put back in ${putBackMs.toFixed(0)} ms, of which ${openMs.toFixed(0)} ms open`);
    expect(openMs).toBeLessThan(putBackMs / 2);
    expect(many.attach).toBeLessThan(one.attach * 3);
    expect(many.learn).toBeLessThan(one.learn * 3);
  });
});
