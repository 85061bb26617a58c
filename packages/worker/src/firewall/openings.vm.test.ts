/** What one VM may take of the kernel's table of connections, which is everybody's. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LAB_GROUP, LAB_PREFIX, NetworkLab } from "../testing/network-lab.ts";
import type { Probe } from "../testing/network-lab.ts";
import { policy, tcp, udp } from "../testing/policies.ts";
import { Firewall } from "./firewall.ts";

const SITE4 = "198.51.100.7";
const SITE6 = "2001:db8:1::7";
const INDEX = 720;
/** `OPENINGS` of the table. */
const AT_ONCE = 2000;
const PER_SECOND = 250;
const FLOOD = 6000;

let lab: NetworkLab;
let vm: Probe;
let firewall: Firewall;
const errors: Error[] = [];

beforeAll(async () => {
  lab = await NetworkLab.create([SITE4, SITE6]);
  vm = await lab.addVm(INDEX);
  for (const address of [SITE4, SITE6]) {
    await lab.internet.listen(tcp(address));
    await lab.internet.listen(udp(address));
  }
});

afterAll(async () => {
  await lab.destroy();
});

beforeEach(async () => {
  firewall = await Firewall.open({
    shell: lab.shell,
    instance: "abc125",
    group: LAB_GROUP,
    resolverPort: 5399,
    vmPrefix: LAB_PREFIX,
    onError: (error) => errors.push(error),
  });
  await firewall.attach(lab.guest(INDEX), policy([], [], { egressDefault: "allow" }));
});

afterEach(async () => {
  await firewall.close({ keep: false });
  expect(errors).toEqual([]);
});

async function connections(): Promise<number> {
  return Number(await lab.shell.run("cat /proc/sys/net/netfilter/nf_conntrack_count"));
}

describe("a flood of datagrams to ever new ports", () => {
  it.each([SITE4, SITE6])("of %s is bounded, and what was open goes on", async (address) => {
    expect(await vm.opens("open", tcp(address))).toBe(true);
    const before = await connections();
    const began = performance.now();
    await vm.scatters(udp(address, 10_000), FLOOD);
    const seconds = (performance.now() - began) / 1000;
    const taken = (await connections()) - before;
    expect(taken).toBeGreaterThan(AT_ONCE / 2);
    expect(taken).toBeLessThan(AT_ONCE + PER_SECOND * (seconds + 1));
    expect(await vm.echoes("open")).toBe(true);
    // All of the flood but what was let through was dropped, and is counted as such.
    const { dropped } = (await firewall.report(INDEX)) ?? {};
    expect(dropped?.packets).toBeGreaterThan(FLOOD / 3);
  });
});
