/** What guests may reach: each kind of rule lets through what it should and stops what it should, in every life of a VM. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, NetworkPolicy, NetworkRule, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { Machines } from "../harness/machines.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";
import { reaches } from "../harness/probes.ts";
import type { Probe } from "../harness/probes.ts";

let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  lab = await NetworkLab.start();
  daemon = await TestDaemon.start(lab.daemonOptions);
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

function egress(
  defaultAction: "allow" | "deny",
  ...rules: readonly Omit<NetworkRule, "kind">[]
): NetworkPolicy {
  return { egress: { default: defaultAction, rules: rules.map((rule) => ({ kind: "cidr", ...rule })) } };
}

async function expectReach(
  target: Pick<Vm, "id">,
  ...expected: readonly [...Probe, reached: boolean][]
): Promise<void> {
  const probes = expected.map(([protocol, address, port]): Probe => [protocol, address, port]);
  const answered = await reaches(client, target, probes);
  expect(probes.map((probe, at) => [...probe, answered[at]])).toEqual(expected);
}

const EVERYBODY: readonly Probe[] = [
  ["tcp", WORLD.v4, 80],
  ["udp", WORLD.v4, 8080],
  ["tcp", WORLD.v6, 80],
  ["udp", WORLD.v6, 8080],
];

test("by default a guest reaches the world, over both protocols of the internet", async () => {
  expect(await reaches(client, vm, EVERYBODY)).toEqual([true, true, true, true]);
  expect(lab.sightings.find(({ address, port }) => address === WORLD.v4 && port === 80)?.remote).toBe(
    "203.0.113.2",
  );
  expect(lab.sightings.find(({ address, port }) => address === WORLD.v6 && port === 80)?.remote).toBe(
    vm.publicIpv6,
  );
});

test("by default it does not reach what is not the world's", async () => {
  const other = await client.vms.launch({ machineType: "c1m2" });
  await expectReach(
    vm,
    ["tcp", WORLD.metadata, 80, false],
    ["tcp", WORLD.privateV4, 80, false],
    ["tcp", WORLD.privateV6, 80, false],
    ["udp", WORLD.privateV4, 8080, false],
    ["tcp", lab.hostAddress, daemon.config.port, false],
    ["tcp", "203.0.113.2", daemon.config.port, false],
    ["tcp", other.publicIpv6 ?? "", 22, false],
    ["tcp", WORLD.v4, 80, true],
  );
  await client.vms.delete(other);
});

describe("rules", () => {
  test("allow by network, protocol and both ends of a range of ports", async () => {
    await client.vms.setFirewall(
      vm,
      egress(
        "deny",
        { action: "allow", value: `${WORLD.v4}/32`, protocol: "tcp", ports: "8080-8090" },
        { action: "allow", value: "2001:db8:51::/124", protocol: "udp", ports: "8081" },
        { action: "allow", value: `${WORLD.v6}/128`, protocol: "any", ports: "any" },
      ),
    );
    await expectReach(
      vm,
      ["tcp", WORLD.v4, 8080, true],
      ["tcp", WORLD.v4, 8089, true],
      ["tcp", WORLD.v4, 8090, true],
      ["tcp", WORLD.v4, 8091, false],
      ["tcp", WORLD.v4, 80, false],
      ["udp", WORLD.v4, 8080, false],
      ["tcp", WORLD.otherV4, 8080, false],
      ["tcp", WORLD.v6, 443, true],
      ["udp", WORLD.v6, 8091, true],
      ["tcp", WORLD.otherV6, 443, false],
      ["udp", WORLD.otherV6, 8081, false],
    );
  });

  test("deny by network, protocol and port", async () => {
    await client.vms.setFirewall(
      vm,
      egress(
        "allow",
        { action: "deny", value: "198.51.100.0/28", protocol: "tcp", ports: "80" },
        { action: "deny", value: "2001:db8:51::20/128", protocol: "any", ports: "any" },
        { action: "deny", value: `${WORLD.otherV4}/32`, protocol: "udp", ports: "8080-8089" },
      ),
    );
    await expectReach(
      vm,
      ["tcp", WORLD.v4, 80, false],
      ["tcp", WORLD.v4, 443, true],
      ["tcp", WORLD.otherV4, 80, true],
      ["tcp", WORLD.otherV6, 80, false],
      ["udp", WORLD.otherV6, 80, false],
      ["tcp", WORLD.v6, 80, true],
      ["udp", WORLD.otherV4, 8080, false],
      ["udp", WORLD.otherV4, 8089, false],
      ["udp", WORLD.otherV4, 8090, true],
    );
  });

  test("the first that matches decides, also in a network that ends at 255.255.255.255", async () => {
    await client.vms.setFirewall(
      vm,
      egress(
        "deny",
        { action: "deny", value: `${WORLD.otherV4}/32`, protocol: "any", ports: "any" },
        { action: "allow", value: "128.0.0.0/1", protocol: "tcp", ports: "any" },
      ),
    );
    await expectReach(
      vm,
      ["tcp", WORLD.v4, 80, true],
      ["tcp", WORLD.otherV4, 80, false],
      ["tcp", WORLD.publicResolverV4, 80, false],
      ["tcp", WORLD.metadata, 80, false],
      ["udp", WORLD.v4, 80, false],
      ["tcp", WORLD.v6, 80, false],
    );
  });

  test("open a guarded address only by its name", async () => {
    await client.vms.setFirewall(
      vm,
      egress(
        "allow",
        { action: "allow", value: "10.20.0.0/16", protocol: "tcp", ports: "80" },
        // The host is in this one.
        { action: "allow", value: "10.213.0.0/16", protocol: "tcp", ports: "any" },
      ),
    );
    await expectReach(
      vm,
      ["tcp", WORLD.privateV4, 80, true],
      ["tcp", WORLD.privateV4, 443, false],
      ["tcp", WORLD.metadata, 80, false],
      ["tcp", lab.hostAddress, daemon.config.port, false],
    );
  });
});

test("a change while a VM is paused holds when it goes on, with the same public address", async () => {
  const before = (await client.vms.retrieve(vm.id)).publicIpv6;
  await client.vms.pause(vm);
  await client.vms.setFirewall(vm, egress("deny"));
  await client.vms.resume(vm);
  await expectReach(vm, ["tcp", WORLD.v4, 80, false]);
  expect((await client.vms.retrieve(vm.id)).publicIpv6).toBe(before);
});

describe("tightening", () => {
  /** Packets that arrived in the world of a stream of connections, a connection and a flow of datagrams. */
  async function arrived(): Promise<readonly number[]> {
    const { stdout } = await lab.inWorld("nft", ["list", "table", "inet", "tightened"]);
    return [...stdout.matchAll(/packets (\d+)/g)].map(([, packets]) => Number(packets));
  }

  test("is in force when the call returns, for new connections and for those that are open", async () => {
    // Without resets: the host sends them of itself to who goes on with a connection that it knows no more.
    const ofGuest = "tcp flags & rst == 0";
    const kinds = [`tcp dport 8081 ${ofGuest}`, `tcp dport 8089 ${ofGuest}`, "udp dport 8090"];
    const rules = kinds.map(
      (kind) => `add rule inet tightened arrived ip daddr ${WORLD.otherV4} ${kind} counter`,
    );
    const chain = "add chain inet tightened arrived { type filter hook input priority 0; }";
    await lab.inWorld("nft", [["add table inet tightened", chain, ...rules].join("; ")]);
    await client.vms.setFirewall(vm, egress("allow"));
    await sh(
      client,
      vm,
      `touch /tmp/go; : >/tmp/echoes
nohup bash -c 'while [ -e /tmp/go ]; do timeout 2 bash -c "exec 3<>/dev/tcp/${WORLD.otherV4}/8081" 2>/dev/null; done' >/dev/null 2>&1 &
nohup bash -c 'exec 3<>/dev/tcp/${WORLD.otherV4}/8089
while read -r -u 3 line; do echo "$line" >>/tmp/echoes; echo tick >&3; sleep 0.1; done' >/dev/null 2>&1 &
nohup bash -c 'exec 3<>/dev/udp/${WORLD.otherV4}/8090; while [ -e /tmp/go ]; do echo tock >&3; sleep 0.1; done' >/dev/null 2>&1 &`,
    );
    await eventually(async () => {
      expect(Math.min(...(await arrived()))).toBeGreaterThan(0);
      expect(Number(await sh(client, vm, "wc -l </tmp/echoes"))).toBeGreaterThan(1);
    }, 30_000);
    await client.vms.setFirewall(vm, egress("deny"));
    const before = await arrived();
    await sleep(1_000);
    // What came back before the answer may have been on its way through the guest's programs.
    const echoes = await sh(client, vm, "wc -l </tmp/echoes");
    await sleep(1_000);
    expect(await sh(client, vm, "wc -l </tmp/echoes; rm /tmp/go")).toBe(echoes);
    expect(await arrived()).toEqual(before);
  });
});

describe("a machine that sends without end", () => {
  const SENDER = `import os, socket, time
s, sent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
while True:
    try: s.sendto(b"x", ("${WORLD.v4}", 9999))
    except OSError: pass
    else: sent += 1
    if sent % 10 == 0:
        open("/dev/shm/new", "w").write(str(sent))
        os.replace("/dev/shm/new", "/dev/shm/sent")
    time.sleep(0.002)`;
  const BEGIN = `cat >/srv/sender.py <<'END'\n${SENDER}\nEND
setsid python3 /srv/sender.py >/dev/null 2>&1 </dev/null & until test -s /dev/shm/sent; do sleep 0.1; done`;
  const COUNTED = ["table", "inet", "counted"] as const;
  let machines: Machines;

  beforeAll(async () => {
    machines = await Machines.of(daemon);
    const chain = "add chain inet counted arrived { type filter hook input priority 0; }";
    const rule = `add rule inet counted arrived ip daddr ${WORLD.v4} udp dport 9999 counter`;
    await lab.inWorld("nft", [`add table inet counted; ${chain}; ${rule}`]);
  });

  const arrived = async (): Promise<number> =>
    Number(/packets (\d+)/.exec((await lab.inWorld("nft", ["list", ...COUNTED])).stdout)?.[1]);

  /** Resolves once it has sent so many more, wherever they went. */
  async function sendsMore(id: string, count = 50): Promise<void> {
    const sent = async (): Promise<number> => Number((await machines.run(id, "cat /dev/shm/sent")).stdout);
    const before = await sent();
    await eventually(async () => expect(await sent()).toBeGreaterThan(before + count), 60_000);
  }

  async function expectSilent(...ids: readonly string[]): Promise<void> {
    const before = await arrived();
    for (const id of ids) await sendsMore(id);
    expect(await arrived()).toBe(before);
  }

  const setEgress = async (id: string, policy: object): Promise<void> =>
    void (await machines.ask(`PATCH /v1/machines/${id}/egress`, { egress: policy }));

  test("is silent from the answer on that tightens its policy, and heard from the one that widens it", async () => {
    const { id } = await machines.create({ memory_mb: 2048 });
    await machines.run(id, BEGIN);
    await eventually(async () => expect(await arrived()).toBeGreaterThan(0), 60_000);
    for (const policy of [
      { mode: "deny_all" },
      { mode: "custom", allow_cidrs: [`${WORLD.otherV4}/32`] },
      { mode: "custom", allow_cidrs: ["0.0.0.0/0"], deny_cidrs: [`${WORLD.v4}/32`] },
    ]) {
      await setEgress(id, policy);
      await expectSilent(id);
      await setEgress(id, { mode: "custom", allow_cidrs: [`${WORLD.v4}/32`] });
      const before = await arrived();
      await sendsMore(id);
      expect(await arrived()).toBeGreaterThanOrEqual(before + 50);
    }
    await setEgress(id, { mode: "deny_all" });
    const before = await arrived();
    await machines.ask(`POST /v1/machines/${id}/hibernate`);
    const resumed = await machines.ask(`POST /v1/machines/${id}/resume`);
    const child = await machines.ask(`POST /v1/machines/${id}/fork`, {});
    for (const each of [resumed, child]) await sendsMore(each.id);
    expect(await arrived()).toBe(before);
    await machines.destroy(id, child.id);
  });

  test("without internet access stays silent, whatever rule stands beside that", async () => {
    const { id } = await machines.create({
      memory_mb: 2048,
      internet_access: false,
      network: { allow_out: ["0.0.0.0/0", `${WORLD.v4}/32`] },
    });
    await machines.run(id, BEGIN);
    await expectSilent(id);
    await machines.destroy(id);
  });
});
