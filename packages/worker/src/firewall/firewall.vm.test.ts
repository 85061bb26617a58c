import type { FirewallRule } from "@fastvm/contract";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LAB_GROUP, LAB_PREFIX, NetworkLab } from "../testing/network-lab.ts";
import type { Probe } from "../testing/network-lab.ts";
import { LAB_PORT as PORT, policy, rule, tcp, udp } from "../testing/policies.ts";
import { Firewall } from "./firewall.ts";

const RESOLVER_PORT = 5399;
/** The internet's: plain ones, the last /24 of IPv4, some that are guarded, the metadata service, a known resolver. */
const PLAIN4 = "198.51.100.7";
const OTHER4 = "198.51.100.200";
const LAST4 = "255.255.255.9";
const PRIVATE4 = "10.9.9.9";
const METADATA = "169.254.169.254";
const DOH4 = "1.1.1.1";
const PLAIN6 = "2001:db8:1::7";
const OTHER6 = "2001:db8:2::7";
const PRIVATE6 = "fd99::9";
const DOH6 = "2606:4700:4700::1111";
/** Where a translator would reach the first and the last of IPv4, and where a relay would. */
const TRANSLATED_PLAIN4 = "64:ff9b::c633:6407";
const TRANSLATED_DOH4 = "64:ff9b::101:101";
const RELAYED_PLAIN4 = "2002:c633:6407::1";
const ADDRESSES = [
  ...[PLAIN4, OTHER4, LAST4, PRIVATE4, METADATA, DOH4, PLAIN6, OTHER6, PRIVATE6, DOH6],
  ...[TRANSLATED_PLAIN4, TRANSLATED_DOH4, RELAYED_PLAIN4],
];
const INDEX = 700;
const NEIGHBOUR = 701;

let lab: NetworkLab;
let vm: Probe;
let neighbour: Probe;
let firewall: Firewall;
const errors: Error[] = [];

async function openFirewall(): Promise<Firewall> {
  return await Firewall.open({
    shell: lab.shell,
    instance: "abc123",
    group: LAB_GROUP,
    resolverPort: RESOLVER_PORT,
    vmPrefix: LAB_PREFIX,
    onError: (error) => errors.push(error),
  });
}

beforeAll(async () => {
  lab = await NetworkLab.create(ADDRESSES);
  vm = await lab.addVm(INDEX);
  neighbour = await lab.addVm(NEIGHBOUR);
  const vmAddresses = (index: number): string[] => [lab.guest(index).ipv4, lab.guest(index).publicIpv6];
  for (const protocol of ["tcp", "udp"] as const) {
    for (const address of ADDRESSES) {
      for (const port of [PORT, 8079, 8081, 8090, 8091, 443, 853, 53]) {
        await lab.internet.listen({ protocol, address, port });
      }
    }
    for (const address of vmAddresses(INDEX)) {
      for (const port of [22, 23]) await vm.listen({ protocol, address, port });
    }
    for (const address of vmAddresses(NEIGHBOUR)) await neighbour.listen({ protocol, address, port: 22 });
    for (const address of ["203.0.113.1", "2001:db8::1", lab.guest(INDEX).hostIpv4]) {
      for (const port of [8800, RESOLVER_PORT]) await lab.host.listen({ protocol, address, port });
    }
    await lab.host.listen({ protocol, address: "::", port: 8801 });
  }
});

afterAll(async () => {
  await lab.destroy();
});

beforeEach(async () => {
  errors.length = 0;
  firewall = await openFirewall();
});

afterEach(async () => {
  await firewall.close({ keep: false });
});

describe("what a VM reaches", () => {
  const attach = (egress: readonly FirewallRule[], more = {}): Promise<void> =>
    firewall.attach(lab.guest(INDEX), policy(egress, [], more));

  it("is nothing without a policy, not even the resolver", async () => {
    expect(await vm.reaches(tcp(PLAIN4))).toBe(false);
    expect(await vm.reaches(tcp(PLAIN6))).toBe(false);
    expect(await vm.reaches(udp(lab.guest(INDEX).hostIpv4, RESOLVER_PORT))).toBe(false);
  });

  it("is the resolver under every policy, and nothing else of the host", async () => {
    const { hostIpv4 } = lab.guest(INDEX);
    for (const egressDefault of ["allow", "deny"] as const) {
      await attach([], { egressDefault });
      expect(await vm.reaches(udp(hostIpv4, RESOLVER_PORT))).toBe(true);
      expect(await vm.reaches(tcp(hostIpv4, RESOLVER_PORT))).toBe(true);
      for (const address of ["203.0.113.1", "2001:db8::1", hostIpv4]) {
        expect(await vm.reaches(tcp(address, 8800)), address).toBe(false);
      }
      expect(await vm.reaches(udp("203.0.113.1", RESOLVER_PORT))).toBe(false);
    }
  });

  it("is not the host by an address that it shares with its network", async () => {
    await attach([rule("0.0.0.0/0"), rule("::/0")], { egressDefault: "allow" });
    await lab.host.heard();
    for (const address of ["203.0.113.255", "2001:db8::"]) await vm.reaches(udp(address, 8801));
    expect(await lab.host.heard()).toEqual([]);
    // So that the test can fail: a rule that names it lets it through.
    await firewall.update(INDEX, policy([rule("203.0.113.255/32"), rule("2001:db8::/128")]));
    for (const address of ["203.0.113.255", "2001:db8::"]) await vm.reaches(udp(address, 8801));
    expect(await lab.host.heard()).toHaveLength(2);
  });

  it("is the internet by default, but nothing guarded and no other resolver", async () => {
    await attach([], { egressDefault: "allow" });
    for (const address of [PLAIN4, PLAIN6, DOH4, DOH6]) {
      expect(await vm.reaches(tcp(address)), address).toBe(true);
      expect(await vm.reaches(udp(address)), address).toBe(true);
      expect(await vm.reaches(tcp(address, 53)), address).toBe(false);
      expect(await vm.reaches(udp(address, 53)), address).toBe(false);
    }
    for (const address of [PRIVATE4, METADATA, PRIVATE6, LAST4]) {
      expect(await vm.reaches(tcp(address)), address).toBe(false);
      expect(await vm.reaches(udp(address)), address).toBe(false);
    }
  });

  it("is nothing by default when it says so", async () => {
    await attach([]);
    for (const address of [PLAIN4, PLAIN6]) {
      expect(await vm.reaches(tcp(address))).toBe(false);
      expect(await vm.reaches(udp(address))).toBe(false);
    }
  });

  it.each([
    ["a network of IPv4", "198.51.100.0/25", PLAIN4, OTHER4],
    ["a network of IPv4 with bits of a host", "198.51.100.7/25", PLAIN4, OTHER4],
    ["a single address of IPv4", `${PLAIN4}/32`, PLAIN4, OTHER4],
    ["a network that ends at 255.255.255.255", "255.255.255.0/24", LAST4, PLAIN4],
    ["the upper half of IPv4", "128.0.0.0/1", PLAIN4, DOH4],
    ["a network of IPv6", "2001:db8:1::/48", PLAIN6, OTHER6],
    ["a single address of IPv6", `${PLAIN6}/128`, PLAIN6, OTHER6],
    ["all of IPv4", "0.0.0.0/0", PLAIN4, PLAIN6],
    ["all of IPv6", "::/0", PLAIN6, PLAIN4],
    ["a guarded network that is named", "10.9.0.0/16", PRIVATE4, METADATA],
    ["a guarded network of IPv6 that is named", "fd99::/16", PRIVATE6, PLAIN6],
  ])("is %s, as a rule allows or denies it", async (_name, value, inside, outside) => {
    await attach([rule(value)]);
    expect(await vm.reaches(tcp(inside))).toBe(true);
    expect(await vm.reaches(udp(inside))).toBe(true);
    expect(await vm.reaches(tcp(outside))).toBe(false);
    expect(await vm.reaches(udp(outside))).toBe(false);
    await firewall.update(INDEX, policy([rule(value, { action: "deny" })], [], { egressDefault: "allow" }));
    expect(await vm.reaches(tcp(inside))).toBe(false);
    expect(await vm.reaches(udp(inside))).toBe(false);
    if (![METADATA, LAST4].includes(outside)) expect(await vm.reaches(tcp(outside))).toBe(true);
  });

  it.each([
    ["tcp", PLAIN4],
    ["udp", PLAIN4],
    ["tcp", PLAIN6],
    ["udp", PLAIN6],
  ] as const)("is a range of %s ports of %s up to both ends", async (protocol, address) => {
    const network = address === PLAIN4 ? "0.0.0.0/0" : "::/0";
    await attach([rule(network, { protocol, ports: "8080-8090" })]);
    const reached = async (port: number): Promise<boolean> => await vm.reaches({ protocol, address, port });
    expect(await Promise.all([8079, 8080, 8081, 8090, 8091].map(reached))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    const other = protocol === "tcp" ? udp(address) : tcp(address);
    expect(await vm.reaches(other)).toBe(false);
    await firewall.update(INDEX, policy([rule(network, { protocol, ports: "8081" })]));
    expect(await Promise.all([8080, 8081, 8090].map(reached))).toEqual([false, true, false]);
  });

  it("is decided by the first rule that matches", async () => {
    const narrow = rule(`${PLAIN4}/32`, { action: "deny", protocol: "tcp", ports: `${PORT}` });
    await attach([narrow, rule("198.51.100.0/24")]);
    expect(await vm.reaches(tcp(PLAIN4))).toBe(false);
    expect(await vm.reaches(tcp(PLAIN4, 8081))).toBe(true);
    await firewall.update(INDEX, policy([rule("198.51.100.0/24"), narrow]));
    expect(await vm.reaches(tcp(PLAIN4))).toBe(true);
    // A broad rule does not decide about what is guarded; the one after it names it.
    await firewall.update(INDEX, policy([rule("0.0.0.0/0"), rule("10.0.0.0/8")]));
    expect(await vm.reaches(tcp(PRIVATE4))).toBe(true);
    expect(await vm.reaches(tcp(METADATA))).toBe(false);
  });

  it("is no resolver over TLS or HTTPS under blockBypass, whatever the rules say", async () => {
    for (const egress of [[], [rule("0.0.0.0/0"), rule("::/0"), rule(`${DOH4}/32`)]]) {
      await attach(egress, { egressDefault: "allow", blockBypass: true });
      for (const address of [DOH4, DOH6]) {
        for (const target of [tcp(address, 443), udp(address, 443), tcp(address, 853), udp(address, 853)]) {
          expect(await vm.reaches(target), JSON.stringify(target)).toBe(false);
        }
        expect(await vm.reaches(tcp(address)), address).toBe(true);
      }
      for (const address of [PLAIN4, PLAIN6]) {
        expect(await vm.reaches(tcp(address, 853)), address).toBe(false);
        expect(await vm.reaches(udp(address, 853)), address).toBe(false);
        expect(await vm.reaches(tcp(address, 443)), address).toBe(true);
        expect(await vm.reaches(udp(address, 443)), address).toBe(true);
      }
      await firewall.update(INDEX, policy(egress, [], { egressDefault: "allow" }));
      for (const target of [tcp(DOH4, 443), tcp(DOH6, 443), tcp(PLAIN4, 853), udp(PLAIN6, 853)]) {
        expect(await vm.reaches(target), JSON.stringify(target)).toBe(true);
      }
    }
  });

  it("is denied an IPv4 address in the forms in which IPv6 carries it", async () => {
    const open = { egressDefault: "allow" } as const;
    await attach([], open);
    expect(await vm.reaches(tcp(TRANSLATED_PLAIN4))).toBe(true);
    expect(await vm.reaches(tcp(RELAYED_PLAIN4))).toBe(false);
    const relays = rule("2002::/16");
    await firewall.update(INDEX, policy([relays], [], open));
    expect(await vm.reaches(tcp(RELAYED_PLAIN4))).toBe(true);
    await firewall.update(INDEX, policy([rule("198.51.100.0/24", { action: "deny" }), relays], [], open));
    for (const address of [PLAIN4, TRANSLATED_PLAIN4, RELAYED_PLAIN4]) {
      expect(await vm.reaches(tcp(address)), address).toBe(false);
    }
    expect(await vm.reaches(tcp(TRANSLATED_DOH4, 443))).toBe(true);
    await firewall.update(INDEX, policy([], [], { ...open, blockBypass: true }));
    expect(await vm.reaches(tcp(TRANSLATED_DOH4, 443))).toBe(false);
    expect(await vm.reaches(tcp(TRANSLATED_DOH4))).toBe(true);
    const byName = rule("plain.test", { action: "deny" });
    await firewall.update(INDEX, policy([byName], [], open));
    await firewall.learn(INDEX, [{ name: "plain.test", isAlias: false, address: PLAIN4, ttlSec: 60 }]);
    expect(await vm.reaches(tcp(TRANSLATED_PLAIN4))).toBe(false);
  });

  it("is echoes of ICMP under a rule for any protocol, and none under one for tcp", async () => {
    const echoed = async (): Promise<string> => (await lab.inVm(INDEX, pingScript(PLAIN4))).trim();
    await attach([rule("198.51.100.0/24")]);
    expect(await echoed()).toBe("echo");
    await firewall.update(INDEX, policy([rule("198.51.100.0/24", { protocol: "tcp" })]));
    expect(await echoed()).toBe("silence");
    await firewall.update(INDEX, policy([rule("198.51.100.0/24", { protocol: "icmpv4" })]));
    expect(await echoed()).toBe("echo");
    expect(await vm.reaches(tcp(PLAIN4))).toBe(false);
  });

  it("is what is guarded and named, where the rest of the world was denied before", async () => {
    const world = ["0.0.0.0/0", "::/0"].map((all) => rule(all, { action: "deny", sparesGuarded: true }));
    await attach([...world, rule("10.0.0.0/8"), rule("fd99::/16"), rule(PLAIN4), rule(PLAIN6)]);
    for (const address of [PRIVATE4, PRIVATE6]) expect(await vm.reaches(tcp(address)), address).toBe(true);
    for (const address of [PLAIN4, PLAIN6, TRANSLATED_PLAIN4, METADATA])
      expect(await vm.reaches(tcp(address)), address).toBe(false);
  });

  it("does not grow with a source that is not the VM's", async () => {
    await attach([], { egressDefault: "allow" });
    await lab.inVm(INDEX, "ip addr add 203.0.113.99/32 dev lo; ip addr add 2001:db8:9::9/128 dev lo nodad");
    await lab.internet.heard();
    await vm.reaches({ ...udp(PLAIN4), from: "203.0.113.99" });
    await vm.reaches({ ...udp(PLAIN6), from: "2001:db8:9::9" });
    expect(await lab.internet.heard()).toEqual([]);
    expect(await vm.reaches(udp(PLAIN4))).toBe(true);
    expect(await vm.reaches(udp(PLAIN6))).toBe(true);
    expect(new Set((await lab.internet.heard()).map(({ from }) => from))).toEqual(
      new Set(["203.0.113.1", "2001:db8::1"]),
    );
  });
});

/** Debian's base has no ping, but it has perl. */
function pingScript(address: string): string {
  return `perl -e '
use Socket;
socket(my $s, PF_INET, SOCK_RAW, 1) or die;
my $message = pack("C C n n n", 8, 0, 0, 7, 1);
my $sum = 0; $sum += $_ for unpack("n*", $message); $sum = ~(($sum & 0xffff) + ($sum >> 16)) & 0xffff;
substr($message, 2, 2) = pack("n", $sum);
send($s, $message, 0, pack_sockaddr_in(0, inet_aton("${address}")));
my $bits = ""; vec($bits, fileno($s), 1) = 1;
print select($bits, undef, undef, 0.4) ? "echo" : "silence";
'`;
}

describe("who reaches a VM", () => {
  it("is nobody by default, and who a rule allows", async () => {
    const { ipv4, publicIpv6 } = lab.guest(INDEX);
    await firewall.attach(lab.guest(INDEX), policy([]));
    const reached = async (): Promise<boolean[]> => [
      await lab.internet.reaches({ ...tcp(publicIpv6, 22), from: PLAIN6 }),
      await lab.internet.reaches({ ...udp(publicIpv6, 22), from: PLAIN6 }),
      await lab.internet.reaches({ ...tcp(publicIpv6, 23), from: PLAIN6 }),
      await lab.internet.reaches({ ...tcp(publicIpv6, 22), from: OTHER6 }),
      await lab.host.reaches(tcp(publicIpv6, 22)),
      await lab.host.reaches(tcp(ipv4, 22)),
    ];
    expect(await reached()).toEqual([false, false, false, false, false, false]);
    const ssh = rule("2001:db8:1::/48", { protocol: "tcp", ports: "22" });
    await firewall.update(INDEX, policy([], [ssh]));
    expect(await reached()).toEqual([true, false, false, false, false, false]);
    await firewall.update(INDEX, policy([], [rule("2001:db8:1::/48", { protocol: "udp", ports: "22-23" })]));
    expect(await reached()).toEqual([false, true, false, false, false, false]);
    await firewall.update(INDEX, policy([], [{ ...ssh, action: "deny" }], { ingressDefault: "allow" }));
    expect(await reached()).toEqual([false, true, true, true, true, true]);
    await firewall.update(INDEX, policy([], [rule("169.254.0.0/16", { protocol: "tcp", ports: "22" })]));
    expect(await reached()).toEqual([false, false, false, false, false, true]);
  });

  it("is a neighbour only when both policies let it", async () => {
    const { publicIpv6, ipv4 } = lab.guest(NEIGHBOUR);
    const open = policy([], [rule("::/0"), rule("0.0.0.0/0")], { egressDefault: "allow" });
    const closed = policy([], [], { egressDefault: "allow" });
    await firewall.attach(lab.guest(INDEX), closed);
    await firewall.attach(lab.guest(NEIGHBOUR), closed);
    expect(await vm.reaches(tcp(publicIpv6, 22))).toBe(false);
    await firewall.update(NEIGHBOUR, open);
    expect(await vm.reaches(tcp(publicIpv6, 22))).toBe(true);
    expect(await vm.reaches(tcp(ipv4, 22))).toBe(false);
    await firewall.update(INDEX, policy([]));
    expect(await vm.reaches(tcp(publicIpv6, 22))).toBe(false);
    expect(await vm.reaches({ ...tcp(publicIpv6, 22), from: lab.guest(INDEX).publicIpv6 })).toBe(false);
  });
});
