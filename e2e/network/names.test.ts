/** Names: what resolves, what their addresses open, and the ways round that must not work. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, FirewallInput, NetworkRule, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { NetworkLab, NAMESERVER, WORLD } from "../harness/network-lab.ts";
import { deviceOf, PolicySandboxes } from "../harness/policy-sandboxes.ts";
import type { SandboxPolicyDocument } from "../harness/policy-sandboxes.ts";
import { reaches, resolves } from "../harness/probes.ts";
import type { Probe } from "../harness/probes.ts";

let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

const SHORT_TTL = 5;

beforeAll(async () => {
  lab = await NetworkLab.start();
  await lab.setNames({
    "good.test": [
      { type: "A", data: WORLD.v4, ttl: 60 },
      { type: "AAAA", data: WORLD.v6, ttl: 60 },
    ],
    "sub.good.test": [{ type: "A", data: WORLD.v4, ttl: 60 }],
    "deep.sub.good.test": [{ type: "A", data: WORLD.v4, ttl: 60 }],
    "bad.test": [{ type: "A", data: WORLD.otherV4, ttl: 60 }],
    "alias.test": [{ type: "CNAME", data: "good.test", ttl: 60 }],
    "alias-of-bad.test": [{ type: "CNAME", data: "bad.test", ttl: 60 }],
    "short.test": [{ type: "A", data: WORLD.otherV4, ttl: SHORT_TTL }],
    "rebind.test": [
      { type: "A", data: WORLD.privateV4, ttl: 60 },
      { type: "AAAA", data: WORLD.privateV6, ttl: 60 },
    ],
    "loopback.test": [{ type: "A", data: "127.0.0.1", ttl: 60 }],
    "metadata.test": [{ type: "A", data: WORLD.metadata, ttl: 60 }],
    "mixed.test": [
      { type: "A", data: WORLD.privateV4, ttl: 60 },
      { type: "A", data: WORLD.v4, ttl: 60 },
    ],
  });
  daemon = await TestDaemon.start(lab.daemonOptions);
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const asked = (name: string): number =>
  lab.sightings.filter(({ kind, text }) => kind === "dns" && text === name).length;

const named = (value: string, changes: Partial<NetworkRule> = {}): NetworkRule => ({
  action: "allow",
  kind: "fqdn",
  value,
  protocol: "tcp",
  ports: "any",
  ...changes,
});

test("resolve, over UDP and TCP, to both families, and open the world", async () => {
  expect(await resolves(client, vm, "good.test")).toEqual([WORLD.v4, WORLD.v6].toSorted());
  expect(await resolves(client, vm, "nowhere.test")).toEqual([]);
  expect(await sh(client, vm, "RES_OPTIONS=use-vc getent ahostsv4 sub.good.test | head -1")).toContain(
    WORLD.v4,
  );
  const greeting = `python3 -c 'import socket; print(socket.create_connection(("good.test", 8080)).recv(99).decode())'`;
  expect(await sh(client, vm, greeting)).toMatch(/^you are /);
});

describe("lists", () => {
  test("of names that resolve: the others never leave the machine", async () => {
    await client.vms.setFirewall(vm, { dns: { mode: "allow", domains: ["*.good.test"] } });
    expect(await resolves(client, vm, "sub.good.test")).toEqual([WORLD.v4]);
    expect(await resolves(client, vm, "deep.sub.good.test")).toEqual([WORLD.v4]);
    const before = asked("secret-data.bad.test") + asked("good.test");
    expect(await resolves(client, vm, "good.test")).toEqual([]);
    expect(await resolves(client, vm, "secret-data.bad.test")).toEqual([]);
    expect(asked("secret-data.bad.test") + asked("good.test")).toBe(before);
  });

  test("of names that do not: also by another name", async () => {
    await client.vms.setFirewall(vm, { dns: { mode: "deny", domains: ["bad.test", "*.good.test"] } });
    expect(await resolves(client, vm, "bad.test")).toEqual([]);
    expect(await resolves(client, vm, "alias-of-bad.test")).toEqual([]);
    expect(await resolves(client, vm, "sub.good.test")).toEqual([]);
    expect(await resolves(client, vm, "alias.test")).toEqual([WORLD.v4, WORLD.v6].toSorted());
  });
});

describe("rules by name", () => {
  test("open what the name means once it was asked for, on their ports, and nothing else", async () => {
    await client.vms.setFirewall(vm, {
      egress: {
        default: "deny",
        rules: [named("good.test", { ports: "8080-8089" }), named("*.good.test", { protocol: "udp" })],
      },
    });
    expect(await reaches(client, vm, [["tcp", WORLD.v4, 8080]])).toEqual([false]);
    expect(await resolves(client, vm, "good.test")).toHaveLength(2);
    expect(await resolves(client, vm, "sub.good.test")).toHaveLength(1);
    expect(
      await reaches(client, vm, [
        ["tcp", WORLD.v4, 8080],
        ["tcp", WORLD.v6, 8089],
        ["tcp", WORLD.v4, 8090],
        ["udp", WORLD.v4, 8090],
        ["udp", WORLD.v6, 8080],
        ["tcp", WORLD.otherV4, 8080],
      ]),
    ).toEqual([true, true, false, true, false, false]);
  });

  test("mean the name behind an alias, too", async () => {
    await client.vms.setFirewall(vm, { egress: { default: "deny", rules: [named("alias.test")] } });
    expect(await resolves(client, vm, "alias.test")).toHaveLength(2);
    expect(await reaches(client, vm, [["tcp", WORLD.v4, 80]])).toEqual([true]);
  });

  test("end with the answer's time to live, but not for connections that are open", async () => {
    await client.vms.setFirewall(vm, { egress: { default: "deny", rules: [named("short.test")] } });
    expect(await resolves(client, vm, "short.test")).toEqual([WORLD.otherV4]);
    await sh(
      client,
      vm,
      `touch /tmp/go; nohup bash -c 'exec 3<>/dev/tcp/${WORLD.otherV4}/8081; ` +
        "read -r -u 3 line; while [ -e /tmp/go ]; do echo $((++i)) >&3; read -r -t 5 -u 3 line || exit; " +
        `echo "$line" >/tmp/new; mv /tmp/new /tmp/last; sleep 0.2; done' >/dev/null 2>&1 & ` +
        "until [ -s /tmp/last ]; do sleep 0.1; done",
    );
    await sleep((SHORT_TTL + 4) * 1_000);
    expect(await reaches(client, vm, [["tcp", WORLD.otherV4, 8080]])).toEqual([false]);
    const last = Number(await sh(client, vm, "cat /tmp/last; sleep 1"));
    expect(Number(await sh(client, vm, "cat /tmp/last"))).toBeGreaterThan(last);
    await client.vms.setFirewall(vm, { egress: { default: "deny" } });
    await sleep(500);
    const cut = await sh(client, vm, "cat /tmp/last; sleep 2");
    expect(await sh(client, vm, "cat /tmp/last; rm /tmp/go")).toBe(cut);
  });
});

describe("ways round", () => {
  test("other resolvers give the same answers, or none", async () => {
    await client.vms.setFirewall(vm, {
      dns: { mode: "deny", domains: ["bad.test"], blockBypass: true },
    });
    const ask = (server: string, transport: string): Promise<string> =>
      sh(
        client,
        vm,
        `printf 'nameserver ${server}\\noptions timeout:1 attempts:1 ${transport}\\n' >/etc/resolv.conf
timeout 4 getent ahostsv4 bad.test
echo nameserver 192.0.0.1 >/etc/resolv.conf`,
      );
    const before = lab.sightings.filter(
      ({ kind, address }) => kind === "dns" && address !== NAMESERVER,
    ).length;
    for (const server of [WORLD.publicResolverV4, WORLD.v4]) {
      for (const transport of ["", "use-vc"])
        expect(await ask(server, transport)).not.toContain(WORLD.otherV4);
    }
    expect(await ask(WORLD.publicResolverV6, "")).toBe("");
    expect(await ask(WORLD.v6, "use-vc")).toBe("");
    expect(
      lab.sightings.filter(({ kind, address }) => kind === "dns" && address !== NAMESERVER),
    ).toHaveLength(before);
  });

  test("DNS over TLS and HTTPS only where nobody blocks them", async () => {
    const everything = [
      ["tcp", WORLD.v4, 853],
      ["udp", WORLD.v6, 853],
      ["tcp", WORLD.publicResolverV4, 443],
      ["udp", WORLD.publicResolverV6, 443],
      ["tcp", WORLD.v4, 443],
    ] as const;
    expect(await reaches(client, vm, everything)).toEqual([false, false, false, false, true]);
    await client.vms.patchFirewall(vm, { dns: { mode: "deny", blockBypass: false } });
    expect(await reaches(client, vm, everything)).toEqual([true, true, true, true, true]);
  });

  test("questions carry nothing out where egress is closed", async () => {
    const carried = (): number =>
      lab.sightings.filter(({ kind, text }) => kind === "dns" && text.endsWith(".out.bad.test")).length;
    const closed: FirewallInput[] = [
      { egress: { default: "deny" } },
      { egress: { default: "deny", rules: [named("good.test")] } },
      { egress: { mode: "custom", allow_cidrs: [`${WORLD.v4}/32`] } },
      { egress: { mode: "deny_all" } },
    ];
    for (const policy of closed) {
      await client.vms.setFirewall(vm, policy);
      await askMany(client, vm, 50, "out.bad.test");
      expect(carried()).toBe(0);
    }
    await client.vms.setFirewall(vm, { egress: { default: "deny" }, dns: { mode: "deny", domains: [] } });
    await askMany(client, vm, 20, "out.bad.test");
    expect(carried()).toBe(20);
    const sofar = carried();
    await client.vms.patchFirewall(vm, { dns: { mode: "allow", domains: [] } });
    await askMany(client, vm, 20, "more.out.bad.test");
    expect(carried()).toBe(sofar);
  });

  test("names of addresses that are not the world's do not resolve, unless a rule opens them", async () => {
    await client.vms.setFirewall(vm, { egress: { default: "allow" } });
    for (const name of ["rebind.test", "loopback.test", "metadata.test"]) {
      expect([name, await resolves(client, vm, name)]).toEqual([name, []]);
    }
    expect(await resolves(client, vm, "mixed.test")).toEqual([WORLD.v4]);
    await client.vms.setFirewall(vm, {
      egress: {
        default: "allow",
        rules: [{ action: "allow", kind: "cidr", value: "10.20.30.0/24", protocol: "tcp", ports: "80" }],
      },
    });
    expect(await resolves(client, vm, "rebind.test")).toEqual([WORLD.privateV4]);
    expect(await reaches(client, vm, [["tcp", WORLD.privateV4, 80]])).toEqual([true]);
  });

  test("a rule by name does not open a guarded address that the name is made to mean", async () => {
    await client.vms.setFirewall(vm, {
      egress: { default: "deny", rules: [named("rebind.test"), named("metadata.test")] },
    });
    await resolves(client, vm, "rebind.test");
    await resolves(client, vm, "metadata.test");
    expect(
      await reaches(client, vm, [
        ["tcp", WORLD.privateV4, 80],
        ["tcp", WORLD.metadata, 80],
      ]),
    ).toEqual([false, false]);
  });
});

/** One after the other, each until there is an answer: what is dropped for being too much would prove nothing. */
async function askMany(of: FastvmClient, guest: Vm, count: number, zone: string): Promise<void> {
  const ask = `import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
def answered(i):
    name = b"".join(bytes([len(p)]) + p for p in (f"data{i}.${zone}".encode()).split(b".")) + b"\\0"
    for _ in range(10):
        s.sendto(struct.pack(">6H", i, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1), ("192.0.0.1", 53))
        try:
            if struct.unpack(">H", s.recv(2000)[:2])[0] == i: return True
        except TimeoutError: pass
    return False
print(sum(answered(i) for i in range(${count})))`;
  expect(await sh(of, guest, `python3 - <<'END'\n${ask}\nEND`)).toBe(`${count}`);
}

test("a flood of questions is limited, and leaves the others their answers", async () => {
  await client.vms.setFirewall(vm, {});
  const other = await client.vms.launch({ machineType: "c1m2" });
  await sh(
    client,
    vm,
    `timeout 20 python3 - <<'END'
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.time() + 4
i = 0
while time.time() < end:
    i += 1
    name = b"".join(bytes([len(p)]) + p for p in (b"f%d" % i, b"bad", b"test")) + b"\\0"
    s.sendto(struct.pack(">6H", i & 0xffff, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1), ("192.0.0.1", 53))
END`,
  );
  expect(await resolves(client, other, "good.test")).toHaveLength(2);
  await client.vms.delete(other);
});

describe("the policy document of sandboxes", () => {
  const rule = (destination: object, action: "allow" | "deny", more: object = {}): object => ({
    ...{ direction: "egress", destination, action, ...more },
  });
  const ports = (start: number, end = start): object => ({ ports: [{ start, end }] });
  const cidr = (network: string): object => ({ cidr: network });

  let sandboxes: PolicySandboxes;

  beforeAll(async () => {
    sandboxes = await PolicySandboxes.of(daemon);
  });

  afterAll(() => sandboxes[Symbol.dispose]());

  /** What a sandbox of this policy reaches, after it has asked for names, also by a network device that it asks for. */
  async function reached(
    name: string,
    policy: SandboxPolicyDocument,
    names: Readonly<Record<string, boolean>>,
    expected: readonly (readonly [...Probe, reached: boolean])[],
    device?: { readonly interface: object; readonly seen: readonly string[] },
  ): Promise<void> {
    const sandbox = await sandboxes.make(name, policy, device?.interface);
    expect(sandbox).toMatchObject({ status: "running" });
    if (device !== undefined) expect(await deviceOf(client, sandbox)).toEqual(device.seen);
    for (const [question, isTold] of Object.entries(names))
      expect((await resolves(client, sandbox, question)).length > 0, question).toBe(isTold);
    const probes = expected.map(([protocol, address, port]): Probe => [protocol, address, port]);
    const answered = await reaches(client, sandbox, probes);
    expect(probes.map((probe, at) => [...probe, answered[at]])).toEqual(expected);
    await client.vms.delete(sandbox);
  }

  test("opens by each kind of rule, the first that matches, where nothing is open", async () => {
    await reached(
      "opens",
      {
        default_egress: "deny",
        rules: [
          rule(cidr(`${WORLD.otherV4}/32`), "deny", { protocols: ["tcp"], ...ports(8081) }),
          rule(cidr(`${WORLD.otherV4}/32`), "allow", { protocols: ["tcp"], ...ports(8080, 8089) }),
          rule(cidr(`${WORLD.otherV6}/128`), "allow", { protocols: ["udp", "icmpv6"] }),
          rule(cidr(`${WORLD.publicResolverV4}/32`), "allow", { protocols: ["icmpv4"] }),
          rule({ domain: "good.test" }, "allow", { protocols: ["tcp"], ...ports(80) }),
          rule({ domain_suffix: "sub.good.test" }, "allow", { protocols: ["udp"] }),
          rule({ group: "private" }, "deny", { protocols: ["tcp"], ...ports(443) }),
          rule({ group: "private" }, "allow"),
          rule({ group: "metadata" }, "allow", ports(80)),
        ],
      },
      { "good.test": true, "deep.sub.good.test": true, "bad.test": false },
      [
        ["tcp", WORLD.otherV4, 8080, true],
        ["tcp", WORLD.otherV4, 8081, false],
        ["udp", WORLD.otherV4, 8080, false],
        ["icmp", WORLD.otherV4, 0, false],
        ["udp", WORLD.otherV6, 8080, true],
        ["tcp", WORLD.otherV6, 8080, false],
        ["icmp", WORLD.otherV6, 0, true],
        ["icmp", WORLD.publicResolverV4, 0, true],
        ["tcp", WORLD.publicResolverV4, 80, false],
        ["tcp", WORLD.v4, 80, true],
        ["tcp", WORLD.v6, 80, true],
        ["tcp", WORLD.v4, 8080, false],
        ["udp", WORLD.v4, 8080, true],
        ["udp", WORLD.v6, 8080, false],
        ["tcp", WORLD.privateV4, 80, true],
        ["tcp", WORLD.privateV4, 443, false],
        ["tcp", WORLD.privateV6, 80, true],
        ["udp", WORLD.privateV6, 8080, true],
        ["icmp", WORLD.privateV4, 0, true],
        ["tcp", WORLD.metadata, 80, true],
        ["tcp", WORLD.metadata, 8080, false],
      ],
      {
        interface: {
          ...{ mac: [2, 0, 0, 0, 0, 255], mtu: 1400 },
          ...{ ipv4_pool: "172.16.9.0/24", ipv6_address: "fd00:9::7", ipv6_pool: "fd00:9::/64" },
        },
        seen: ["02:00:00:00:00:ff", "1400", "172.16.9.2", "fd00:9::7"],
      },
    );
  });

  test("closes by each kind of rule where all is open, and with the public nothing else", async () => {
    await reached(
      "closes",
      {
        default_egress: "allow",
        rules: [
          rule({ domain: "good.test" }, "deny", { protocols: ["udp"] }),
          rule({ domain_suffix: "bad.test" }, "deny", { protocols: ["tcp"] }),
          rule(cidr(`${WORLD.otherV6}/128`), "deny", { protocols: ["icmpv6"] }),
          rule(cidr(`${WORLD.publicResolverV4}/32`), "deny", { protocols: ["icmpv4"] }),
          rule(cidr(`${WORLD.privateV6}/128`), "deny", { protocols: ["udp"] }),
          rule({ group: "metadata" }, "deny"),
          rule({ group: "public" }, "deny", ports(443)),
        ],
      },
      { "good.test": false, "bad.test": false, "short.test": true },
      [
        ["tcp", WORLD.v4, 80, true],
        ["udp", WORLD.v4, 8080, true],
        ["tcp", WORLD.v6, 80, true],
        ["udp", WORLD.v6, 8080, true],
        ["icmp", WORLD.v6, 0, true],
        ["tcp", WORLD.otherV4, 80, true],
        ["udp", WORLD.otherV4, 8080, true],
        ["icmp", WORLD.otherV6, 0, false],
        ["tcp", WORLD.otherV6, 80, true],
        ["icmp", WORLD.publicResolverV4, 0, false],
        ["icmp", WORLD.otherV4, 0, true],
        ["tcp", WORLD.v4, 443, false],
        ["tcp", WORLD.otherV6, 443, false],
        ["tcp", WORLD.privateV4, 443, true],
        ["tcp", WORLD.privateV6, 443, true],
        ["udp", WORLD.privateV6, 8080, false],
        ["tcp", WORLD.metadata, 80, false],
      ],
    );
  });
});
