/** What one VM may take of what is everybody's: the kernel's table of connections, and the resolver's time. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LAB_GROUP, LAB_PREFIX, NetworkLab } from "../testing/network-lab.ts";
import type { Probe } from "../testing/network-lab.ts";
import { policy, tcp, udp } from "../testing/policies.ts";
import { Firewall } from "./firewall.ts";

const SITE4 = "198.51.100.7";
const SITE6 = "2001:db8:1::7";
const INDEX = 720;
const RESOLVER_PORT = 5399;
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
  await lab.host.listen(udp(lab.guest(INDEX).hostIpv4, RESOLVER_PORT));
});

afterAll(async () => {
  await lab.destroy();
});

beforeEach(async () => {
  firewall = await Firewall.open({
    shell: lab.shell,
    instance: "abc125",
    group: LAB_GROUP,
    resolverPort: RESOLVER_PORT,
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

describe("a flood of questions", () => {
  const resolver = () => udp(lab.guest(INDEX).hostIpv4, RESOLVER_PORT);
  /** IPv4's header and UDP's. */
  const HEADERS_BYTES = 28;
  const SIZE = 100;
  const FOR_MS = 2000;

  it("reaches the resolver by so many bytes a second", async () => {
    await lab.host.heard();
    const sent = await vm.floods(resolver(), SIZE, FOR_MS);
    const bytes = (await lab.host.heard()).length * (SIZE + HEADERS_BYTES);
    expect(sent * SIZE).toBeGreaterThan(400_000);
    expect(bytes).toBeGreaterThan(80_000);
    // 80 kB at once and 40 a second; a busy machine's seconds are longer.
    expect(bytes).toBeLessThan(2 * (80_000 + (40_000 * FOR_MS) / 1000));
  });

  it("does not reach it by packets larger than a question", async () => {
    await lab.host.heard();
    await vm.floods(resolver(), 700, 300);
    expect(await lab.host.heard()).toEqual([]);
    expect(await vm.reaches(resolver())).toBe(true);
  });
});
