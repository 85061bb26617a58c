/** What second doors count of what they drop, in the kernel: a namespace with a guest behind `tap0` and nobody behind `uplink`. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseNetwork } from "../ip/ip-network.ts";
import { CommandShell } from "../host/command-shell.ts";
import { policy, rule } from "../testing/policies.ts";
import { Doors } from "./doors.ts";
import { instanceOf, vmNetworkOf } from "./vm-network.ts";

const INSTANCE = instanceOf("d00fd0");
const vmNetwork = vmNetworkOf(INSTANCE, { index: 7, publicIpv6: "fd12:3456:789a::7" });
const GUEST = `${vmNetwork.namespace}-guest`;
const DENIED = "192.0.2.1";
const OTHER = "198.51.100.1";
const vmPrefix = parseNetwork("fd12:3456:789a::/64");

let shell: CommandShell;
let doors: Doors;
let errors: unknown[];

beforeEach(async () => {
  shell = new CommandShell();
  errors = [];
  doors = newDoors();
  await shell.run(`set -e
ip netns add ${vmNetwork.namespace}
ip netns add ${GUEST}
ip link add tap0 netns ${vmNetwork.namespace} type veth peer name eth0 netns ${GUEST}
ip link add uplink netns ${vmNetwork.namespace} type veth peer name far netns ${GUEST}
nsenter --net=/run/netns/${vmNetwork.namespace} sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip -n ${vmNetwork.namespace} addr add 10.0.0.1/24 dev tap0
ip -n ${vmNetwork.namespace} link set tap0 up
ip -n ${vmNetwork.namespace} link set uplink arp off up
ip -n ${GUEST} link set far up
ip -n ${vmNetwork.namespace} route add default dev uplink
ip -n ${GUEST} addr add 10.0.0.2/24 dev eth0
ip -n ${GUEST} link set eth0 up
ip -n ${GUEST} route add default via 10.0.0.1`);
});

afterEach(async () => {
  await shell.run(`ip netns del ${GUEST}; ip netns del ${vmNetwork.namespace} || true`);
  await shell.close();
});

function newDoors(): Doors {
  if (vmPrefix === undefined) throw new Error("no prefix");
  return new Doors(shell, { resolverPort: 5399, vmPrefix }, (error) => errors.push(error));
}

/** A datagram of 32 bytes to each. */
async function sends(...addresses: readonly string[]): Promise<void> {
  const commands = addresses.map((address) => `echo wor >/dev/udp/${address}/8080`).join("; ");
  await shell.run(`nsenter --net=/run/netns/${GUEST} bash -c '${commands}'`);
}

const hits = (packets: number) => ({ packets, bytes: 32 * packets });

test("count by rule until the policy changes, and in all for as long as the namespace is there", async () => {
  const denies = policy([rule(`${DENIED}/32`, { action: "deny" }), rule("198.51.100.0/25")]);
  await doors.set(vmNetwork, denies);
  await sends(DENIED, DENIED, OTHER, "203.0.113.1");
  const first = await doors.report(vmNetwork.index);
  expect(Object.fromEntries(first?.denied ?? [])).toMatchObject({
    "egress 0": hits(2),
    "egress default": hits(1),
  });
  expect(first?.denied.has("egress 1")).toBe(false);
  expect(first?.dropped).toEqual(hits(3));

  // Other rules, and sets that the door before had not; then without them.
  await doors.set(vmNetwork, policy([], [], { blockBypass: true }));
  const changed = await doors.report(vmNetwork.index);
  expect(changed?.denied.get("egress default")).toEqual(hits(0));
  expect(changed?.dropped).toEqual(hits(3));
  await sends(OTHER);
  await doors.set(vmNetwork, denies);
  expect((await doors.report(vmNetwork.index))?.dropped).toEqual(hits(4));

  // For figures the same; of one that is gone nothing is told of another with its index.
  expect((await doors.drops()).get(vmNetwork.index)).toEqual(hits(4));
  await sends(DENIED);
  const [one, other] = [doors.drops(), doors.drops()];
  expect(await one).toBe(await other);
  expect((await one).get(vmNetwork.index)).toEqual(hits(5));
  const goes = doors.drops();
  doors.forget(vmNetwork);
  expect((await goes).get(vmNetwork.index)).toBeUndefined();
  expect((await doors.drops()).get(vmNetwork.index)).toBeUndefined();

  // The next daemon finds what was counted.
  const next = newDoors();
  await next.set(vmNetwork, denies);
  await sends(DENIED);
  expect((await next.report(vmNetwork.index))?.dropped).toEqual(hits(6));
  expect((await next.drops()).get(vmNetwork.index)).toEqual(hits(6));
  expect(errors).toEqual([]);
});

test("one that somebody removed is told, and counts for nothing until it is forgotten", async () => {
  await doors.set(vmNetwork, policy([]));
  await shell.run(`nsenter --net=/run/netns/${vmNetwork.namespace} nft delete table inet fastvm_door`);
  expect(await doors.report(vmNetwork.index)).toBeUndefined();
  expect(errors).toHaveLength(1);
  expect(await doors.drops()).toEqual(new Map());
  expect(String(errors[1])).toContain("cannot be read: No such file or directory");
  doors.forget(vmNetwork);
  expect(await doors.report(vmNetwork.index)).toBeUndefined();
  expect(await doors.drops()).toEqual(new Map());
  expect(errors).toHaveLength(2);
});
