/**
 * One policy with every kind of rule, looked at in every life that a VM can have: each
 * lets through what it should and stops what it should.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, NetworkPolicy, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { ANSWER_MS, NetworkLab, SILENCE_MS, WORLD } from "../harness/network-lab.ts";
import { reaches, resolves } from "../harness/probes.ts";
import type { Probe } from "../harness/probes.ts";

let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

const POLICY: NetworkPolicy = {
  ingress: {
    default: "deny",
    rules: [
      { action: "deny", kind: "cidr", value: "::/0", protocol: "tcp", ports: "8005" },
      { action: "allow", kind: "cidr", value: "2001:db8:113::/64", protocol: "tcp", ports: "8000-8010" },
    ],
  },
  egress: {
    default: "deny",
    rules: [
      { action: "deny", kind: "cidr", value: `${WORLD.otherV4}/32`, protocol: "tcp", ports: "8089" },
      { action: "allow", kind: "cidr", value: "198.51.100.0/24", protocol: "tcp", ports: "8080-8089" },
      { action: "allow", kind: "cidr", value: "128.0.0.0/1", protocol: "udp", ports: "8090" },
      { action: "allow", kind: "cidr", value: "2001:db8:51::/64", protocol: "udp", ports: "8081" },
      { action: "allow", kind: "fqdn", value: "*.good.test", protocol: "tcp", ports: "80" },
      { action: "allow", kind: "cidr", value: "0.0.0.0/0", protocol: "tcp", ports: "853" },
    ],
  },
  dns: { mode: "deny", domains: ["bad.good.test"], blockBypass: true },
};

const EXPECTED: readonly [...Probe, reached: boolean][] = [
  ["tcp", WORLD.v4, 8080, true],
  ["tcp", WORLD.v4, 8089, true],
  ["tcp", WORLD.v4, 8090, false],
  ["tcp", WORLD.otherV4, 8089, false],
  ["tcp", WORLD.otherV4, 8081, true],
  ["udp", WORLD.v4, 8090, true],
  ["udp", WORLD.v4, 8089, false],
  ["udp", WORLD.v6, 8081, true],
  ["tcp", WORLD.v6, 8081, false],
  ["tcp", WORLD.v4, 853, false],
  ["tcp", WORLD.v6, 80, true],
  ["tcp", WORLD.v4, 80, false],
];

/** By the port from which the world gets an answer, or does not. */
const ENTERED: readonly [port: number, answer: string | undefined][] = [
  [8000, "hello"],
  [8005, undefined],
  [8010, "hello"],
  [8011, undefined],
];

beforeAll(async () => {
  lab = await NetworkLab.start();
  await lab.setNames({
    "web.good.test": [{ type: "AAAA", data: WORLD.v6, ttl: 600 }],
    "bad.good.test": [{ type: "A", data: WORLD.v4, ttl: 600 }],
  });
  daemon = await TestDaemon.start({ ...lab.daemonOptions, poolSize: 1 });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2", firewall: POLICY });
  await sh(
    client,
    vm,
    `for port in 8000 8005 8010 8011; do nohup python3 -c 'import socket
s = socket.create_server(("::", '$port'), family=socket.AF_INET6)
while True:
    c, _ = s.accept(); c.sendall(b"hello"); c.close()' >/dev/null 2>&1 & done
until [ $(ss -6 -ltn | grep -c ':80[01]') = 4 ]; do sleep 0.2; done`,
  );
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

async function expectPolicy(target: Pick<Vm, "id">): Promise<void> {
  const { publicIpv6 = "" } = await client.vms.retrieve(target);
  expect(await resolves(client, target, "bad.good.test")).toEqual([]);
  expect(await resolves(client, target, "web.good.test")).toEqual([WORLD.v6]);
  const [answered, ...entered] = await Promise.all([
    reaches(
      client,
      target,
      EXPECTED.map(([protocol, address, port]): Probe => [protocol, address, port]),
    ),
    ...ENTERED.map(([port, answer]) =>
      lab.connect(publicIpv6, port, answer === undefined ? SILENCE_MS : ANSWER_MS),
    ),
  ]);
  expect(EXPECTED.map(([protocol, address, port], at) => [protocol, address, port, answered[at]])).toEqual(
    EXPECTED,
  );
  expect(entered).toEqual(ENTERED.map(([, answer]) => answer));
}

describe("a policy with every kind of rule holds", () => {
  test("from the launch", () => expectPolicy(vm));

  test("after a pause", async () => {
    await client.vms.pause(vm);
    await client.vms.resume(vm);
    await expectPolicy(vm);
  });

  test("in a VM restored from a snapshot, and in the source", async () => {
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const restored = await client.vms.launch({ snapshotId: snapshot.id });
    await expectPolicy(restored);
    await expectPolicy(vm);
    await client.vms.delete(restored);
  });

  test("in a fork", async () => {
    const { children } = await client.vms.fork(vm, { count: 1 });
    const child = children[0]?.vm;
    if (child === undefined) throw new Error("the fork has no child");
    await expectPolicy(child);
    await client.vms.delete(child);
  });

  test("over a daemon that was killed, and one that ended", async () => {
    await daemon.sigkill();
    // Also while no daemon is there to ask.
    expect(await lab.onHost("nft list ruleset")).toContain("198.51.100.0/24");
    await daemon.restart();
    await expectPolicy(vm);
    await daemon.stop();
    await daemon.restart();
    await expectPolicy(vm);
  });
});
