/** A host that speaks no IPv6: its VMs have IPv4 alone, under the same rules, and are told of no address that leads nowhere. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";
import { reaches, resolves } from "../harness/probes.ts";

let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  lab = await NetworkLab.start();
  await lab.onHost("for name in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6; done");
  await lab.setNames({
    "web.test": [
      { type: "A", data: WORLD.v4, ttl: 60 },
      { type: "AAAA", data: WORLD.v6, ttl: 60 },
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

async function expectPolicy(target: Vm): Promise<void> {
  expect(target.publicIpv6).toBeUndefined();
  expect(
    await reaches(client, target, [
      ["tcp", WORLD.v4, 80],
      ["udp", WORLD.v4, 8080],
      ["tcp", WORLD.otherV4, 80],
      ["tcp", WORLD.v6, 80],
    ]),
  ).toEqual([true, true, false, false]);
  expect(await resolves(client, target, "web.test")).toContain(WORLD.v4);
}

test("its VMs reach what their rules allow, over pause, fork and another daemon", async () => {
  const denied = { kind: "cidr", value: `${WORLD.otherV4}/32`, protocol: "any", ports: "any" } as const;
  await client.vms.setFirewall(vm, { egress: { default: "allow", rules: [{ action: "deny", ...denied }] } });
  await expectPolicy(await client.vms.retrieve(vm));
  await client.vms.pause(vm);
  await expectPolicy(await client.vms.resume(vm));
  const { children } = await client.vms.fork(vm, { count: 1 });
  const child = children[0]?.vm;
  if (child === undefined) throw new Error("the fork has no child");
  await expectPolicy(child);
  await daemon.sigkill();
  await daemon.restart();
  await expectPolicy(await client.vms.retrieve(vm));
});
