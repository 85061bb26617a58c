/**
 * Without a daemon, and with all tables of the host flushed by somebody else, a VM
 * reaches and is reached by no more than its policy could allow.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { FastvmClient, NetworkRule, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { scopeOf } from "../harness/footprint.ts";
import { sh } from "../harness/guest.ts";
import { ANSWER_MS, NetworkLab, SILENCE_MS, WORLD } from "../harness/network-lab.ts";
import { reaches } from "../harness/probes.ts";

let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

const WAIT_MS = 30_000;
const PORT = 8080;
const OTHER_PORT = 8081;

/** Says who it is at two ports, and sends a word to each of its arguments, over and over. */
const GUEST = `import socket, sys, threading, time
def serve(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6)
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"hello\\n")
        connection.close()
for port in (8000, 8001): threading.Thread(target=serve, args=(port,), daemon=True).start()
targets = [text.rsplit("/", 1) for text in sys.argv[1:]]
while True:
    for address, port in targets:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as s: s.sendto(b"word", (address, int(port)))
        except OSError: pass
    time.sleep(0.1)
`;

beforeAll(async () => {
  lab = await NetworkLab.start();
  daemon = await TestDaemon.start({ ...lab.daemonOptions, poolSize: 0 });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
  await sh(client, vm, `cat >/tmp/guest.py <<'END'\n${GUEST}END`);
});

afterEach(async () => {
  await daemon.restart();
  await sh(client, vm, "pkill -f '[g]uest.py' || true");
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const rule = (value: string, ports: number, protocol: "tcp" | "udp" = "udp"): NetworkRule => ({
  ...{ action: "allow", kind: "cidr", value, protocol },
  ports: String(ports),
});

type Peer = readonly [address: string, port: number];

async function sends(to: readonly Peer[]): Promise<void> {
  const targets = to.map(([address, port]) => `${address}/${port}`).join(" ");
  await sh(client, vm, `nohup python3 /tmp/guest.py ${targets} >/dev/null 2>&1 & sleep 0.1`);
}

/** Who was sent a word since so many sightings. */
function sighted(since: number): ReadonlySet<string> {
  const words = lab.sightings.slice(since).filter(({ kind, text }) => kind === "udp" && text === "word");
  return new Set(words.map(({ address, port }) => `${address} ${port}`));
}

/**
 * Ends the daemon and everybody's rules; resolves to the sightings until then, when the
 * VM has been seen again, so that nothing holds it but its own namespace.
 */
async function flushed(canary: Peer): Promise<number> {
  await eventually(async () => expect(sighted(0)).toContain(canary.join(" ")), WAIT_MS);
  await daemon.sigkill();
  await lab.onHost("nft flush ruleset");
  const since = lab.sightings.length;
  for (let round = 0, seen = since; round < 5; round += 1, seen = lab.sightings.length) {
    const from = seen;
    await eventually(async () => expect(sighted(from)).toContain(canary.join(" ")), WAIT_MS);
  }
  return since;
}

test("a closed policy stays closed, both ways, for both families", async () => {
  const allowed: Peer[] = [
    [WORLD.v6, PORT],
    [WORLD.v4, PORT],
  ];
  const denied: Peer[] = [
    ...([WORLD.v4, WORLD.v6] as const).map((address): Peer => [address, OTHER_PORT]),
    ...([WORLD.otherV4, WORLD.otherV6, WORLD.privateV4, WORLD.metadata] as const).map((at): Peer => [
      at,
      PORT,
    ]),
  ];
  await client.vms.setFirewall(vm, {
    ingress: { default: "deny", rules: [rule("::/0", 8000, "tcp")] },
    egress: { default: "deny", rules: [rule(`${WORLD.v6}/128`, PORT), rule(`${WORLD.v4}/32`, PORT)] },
  });
  await sends([...allowed, ...denied]);
  const since = await flushed([WORLD.v6, PORT]);
  const { publicIpv6 = "" } = vm;
  expect(await lab.connect(publicIpv6, 8000, ANSWER_MS)).toContain("hello");
  expect(await lab.connect(publicIpv6, 8001, SILENCE_MS)).toBeUndefined();
  expect([...sighted(since)].toSorted()).toEqual(allowed.map((peer) => peer.join(" ")).toSorted());
  // So that the test can fail: it is this door, and nothing else, that is shut.
  await lab.onHost(
    `for path in ${namespaces()}; do nsenter --net=$path nft delete table inet fastvm_door; done`,
  );
  await eventually(async () => expect(sighted(since)).toContain(`${WORLD.otherV6} ${PORT}`), WAIT_MS);
  expect(await lab.connect(publicIpv6, 8001, ANSWER_MS)).toContain("hello");
  // The next daemon puts back both doors.
  await daemon.restart();
  await eventually(
    async () =>
      expect(
        await lab.onHost(`for path in ${namespaces()}; do nsenter --net=$path nft list tables; done`),
      ).toContain("fastvm_door"),
    WAIT_MS,
  );
  expect(
    await reaches(client, vm, [
      ["udp", WORLD.v4, PORT],
      ["udp", WORLD.otherV4, PORT],
    ]),
  ).toEqual([true, false]);
});

test("the default policy reaches nothing that is guarded, and is reached by nobody", async () => {
  await client.vms.setFirewall(vm, {});
  await sends([
    [WORLD.otherV6, PORT],
    ...([WORLD.privateV4, WORLD.privateV6, WORLD.metadata, lab.hostAddress] as const).map((at): Peer => [
      at,
      PORT,
    ]),
  ]);
  const since = await flushed([WORLD.otherV6, PORT]);
  expect(await lab.connect(vm.publicIpv6 ?? "", 8000, SILENCE_MS)).toBeUndefined();
  expect([...sighted(since)]).toEqual([`${WORLD.otherV6} ${PORT}`]);
});

/** Of this daemon's VMs: others run beside it, make theirs and keep their doors. */
function namespaces(): string {
  return `/run/netns/fastvm-${scopeOf(daemon.config.dataDir).slice(0, 6)}-*`;
}
