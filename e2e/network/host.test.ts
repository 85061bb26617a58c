/** The daemon's own part of the network: what it does to its host, how it bears others there, and that it leaves nothing. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { networkFootprint } from "../harness/footprint.ts";
import { sh } from "../harness/guest.ts";
import { NetworkLab, NAMESERVER, WORLD } from "../harness/network-lab.ts";
import { reaches, resolves } from "../harness/probes.ts";

const run = promisify(execFile);

let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

/** All that a daemon could leave on its host. */
const HOST_STATE =
  "ip -br link | cut -d' ' -f1 | sort; ip -br addr; ip route; " +
  "ip -6 route; ip rule; ip -6 rule; nft list ruleset; tc qdisc show";
let before: string;

/** As Docker leaves a host: what it does not know is not forwarded. */
const DOCKER = `nft -f - <<'EOF'
${["ip", "ip6"]
  .map(
    (family) => `table ${family} filter {
  chain DOCKER-USER {
    return
  }
  chain FORWARD {
    type filter hook forward priority filter; policy drop;
    jump DOCKER-USER
  }
}`,
  )
  .join("\n")}
EOF`;
/** Of the daemon that has the host for itself. */
const TABLE = "$(nft list tables | grep -o 'inet fastvm_.*')";

beforeAll(async () => {
  lab = await NetworkLab.start();
  await lab.onHost(DOCKER);
  // The kernel brings a cable up some time after its ends are.
  await eventually(
    async () => expect(await lab.onHost("ip -6 -br addr show test")).toMatch(/UP +fe80/),
    60_000,
  );
  before = await lab.onHost(HOST_STATE);
  daemon = await TestDaemon.start({
    host: { namespace: lab.hostNamespace, address: lab.hostAddress },
    // With the prefix of its own: unique local addresses, of which the world knows nothing.
    settings: { network: "on", nameservers: [NAMESERVER] },
  });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2", name: "guest" });
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

test("VMs with unique local addresses reach the world under the host's", async () => {
  expect(vm.publicIpv6).toMatch(/^fd/);
  expect(
    await reaches(client, vm, [
      ["tcp", WORLD.v4, 80],
      ["tcp", WORLD.v6, 80],
      ["udp", WORLD.v6, 8080],
    ]),
  ).toEqual([true, true, true]);
  expect(lab.sightings.find(({ address }) => address === WORLD.v6)?.remote).toBe("2001:db8:113::2");
});

describe("fastvm ssh", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-ssh-"));
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "id_ed25519")]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const cli = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    run(
      "nsenter",
      [
        `--net=/run/netns/${lab.hostNamespace}`,
        ...[process.execPath, "--conditions=development", "packages/cli/src/main.ts", ...args],
      ],
      { env: daemon.environment },
    );

  test("logs in on the machine of the daemon, once the port and the key are known", async () => {
    const login = [
      "ssh",
      "guest",
      "-i",
      join(folder, "id_ed25519"),
      "-o",
      `UserKnownHostsFile=${folder}/hosts`,
      "hostname",
    ];
    await cli("ssh-key", "add", join(folder, "id_ed25519.pub"));
    expect((await cli("ssh-key", "ls")).stdout).toContain("SHA256:");
    await expect(cli("ssh-key", "add", join(folder, "id_ed25519"))).rejects.toThrow(/is a private key/);
    const refused = await cli(...login.slice(0, 2), "-o", "ConnectTimeout=2", ...login.slice(2)).catch(
      (error: unknown) => error,
    );
    expect(String(refused)).toContain("fastvm firewall patch guest -r tcp:22");
    await cli("firewall", "patch", "guest", "-r", "tcp:22");
    expect((await cli(...login)).stdout.trim()).toBe("guest");
    await client.vms.setFirewall(vm, {});
  });
});

test("a table that somebody else flushed or deleted is there again, and nothing is open meanwhile for long", async () => {
  await client.vms.setFirewall(vm, {
    egress: {
      default: "deny",
      rules: [{ action: "allow", kind: "fqdn", value: "good.test", protocol: "tcp", ports: "80" }],
    },
  });
  await lab.setNames({ "good.test": [{ type: "A", data: WORLD.v4, ttl: 300 }] });
  expect(await resolves(client, vm, "good.test")).toEqual([WORLD.v4]);
  const whole = await networkFootprint(daemon.config.dataDir);
  const table = (): Promise<string> =>
    lab.onHost(
      String.raw`nft list table ${TABLE} | sed '/set own_changes/,/^\t}/d; ` +
        String.raw`s/\(expires\|timeout\) [^ ,]*//g; s/packets [0-9]* bytes [0-9]*//g'`,
    );
  const rules = await table();
  for (const harm of [`nft flush table ${TABLE}`, `nft delete table ${TABLE}`, "nft flush ruleset"]) {
    await lab.onHost(harm);
    await eventually(async () => expect(await table()).toBe(rules), 15_000);
    expect(
      await reaches(client, vm, [
        ["tcp", WORLD.v4, 80],
        ["tcp", WORLD.v4, 443],
        ["tcp", WORLD.otherV4, 80],
      ]),
    ).toEqual([true, false, false]);
  }
  expect(await networkFootprint(daemon.config.dataDir)).toEqual(whole);
  await lab.onHost(DOCKER);
  await daemon.stop();
  await daemon.restart();
  expect(await reaches(client, vm, [["tcp", WORLD.v4, 80]])).toEqual([true]);
  await client.vms.setFirewall(vm, {});
});

describe("rate limits", () => {
  /** Bytes and packets that arrive in the world while a guest sends all it can for some seconds. */
  async function flood(bytes: number, seconds: number): Promise<{ packets: number; bytes: number }> {
    const read = async (): Promise<number[]> =>
      (
        await lab.onHost(
          "ip -s -j link show wan | python3 -c 'import json,sys; " +
            's=json.load(sys.stdin)[0]["stats64"]["tx"]; print(s["packets"], s["bytes"])\'',
        )
      )
        .split(" ")
        .map(Number);
    const [packets = 0, size = 0] = await read();
    await sh(
      client,
      vm,
      `python3 - <<'END'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.time() + ${seconds}
while time.time() < end:
    try: s.sendto(b"x" * ${bytes}, ("${WORLD.v4}", 9999))
    except OSError: time.sleep(0.001)
END`,
    );
    const [packetsAfter = 0, sizeAfter = 0] = await read();
    return { packets: packetsAfter - packets, bytes: sizeAfter - size };
  }

  test("in kbit and in packets per second, from the call to its end, kept over a pause", async () => {
    const free = await flood(1000, 3);
    await client.vms.setFirewall(vm, {
      egress: { default: "allow", rateLimit: { kbitPerSec: 400, burst: 100 } },
    });
    const limited = await flood(1000, 4);
    // 400 kbit/s for 4 s and a burst: 200 to 220 KB. Twice that leaves room for a busy machine, whose seconds are longer.
    expect(limited.bytes).toBeGreaterThan(50_000);
    expect(limited.bytes).toBeLessThan(450_000);
    expect(free.bytes / 3).toBeGreaterThan(limited.bytes / 4);

    await client.vms.setFirewall(vm, {
      egress: { default: "allow", rateLimit: { packetsPerSec: 50, burst: 10 } },
    });
    await client.vms.pause(vm);
    await client.vms.resume(vm);
    const few = await flood(50, 4);
    expect(few.packets).toBeGreaterThan(50);
    expect(few.packets).toBeLessThan(450);

    await client.vms.setFirewall(vm, { egress: { default: "allow" } });
    const again = await flood(50, 3);
    expect(again.packets / 3).toBeGreaterThan((few.packets / 4) * 2);
  });
});

test("a VM's hits are counted by rule", async () => {
  await client.vms.setFirewall(vm, {
    egress: {
      default: "allow",
      rules: [
        { action: "allow", kind: "cidr", value: `${WORLD.v4}/32`, protocol: "tcp", ports: "80" },
        { action: "deny", kind: "cidr", value: `${WORLD.otherV4}/32`, protocol: "any", ports: "any" },
      ],
    },
  });
  await reaches(client, vm, [
    ["tcp", WORLD.v4, 80],
    ["tcp", WORLD.otherV4, 80],
  ]);
  const { hits } = await client.vms.firewall.get(vm);
  const [allowed, denied] = hits?.egress.rules ?? [];
  expect(allowed?.packets).toBeGreaterThan(2);
  expect(denied?.packets).toBeGreaterThan(0);
  expect(hits?.dropped.packets).toBeGreaterThan(0);
});

test("what happened is told at /metrics, to root alone", async () => {
  await lab.setNames({ "counted.test": [{ type: "A", data: WORLD.v4, ttl: 60 }] });
  await resolves(client, vm, "counted.test");
  const url = `${daemon.url}/metrics`;
  expect((await fetch(url)).status).toBe(401);
  expect((await fetch(url, { headers: { "X-API-Key": daemon.apiKey } })).status).toBe(404);
  const lines = (await daemon.metrics()).split("\n");
  const valueOf = (series: string): number =>
    Number(
      lines
        .find((line) => line.startsWith(series))
        ?.split(" ")
        .at(-1),
    );
  expect(valueOf('fastvm_vms{phase="running"}')).toBe(1);
  expect(valueOf(`fastvm_vm_network_packets_total{vm="${vm.id}",direction="sent"}`)).toBeGreaterThan(0);
  expect(valueOf(`fastvm_vm_network_bytes_total{vm="${vm.id}",direction="received"}`)).toBeGreaterThan(0);
  expect(valueOf(`fastvm_vm_network_dropped_packets_total{vm="${vm.id}"}`)).toBeGreaterThan(0);
  expect(valueOf('fastvm_dns_questions_total{verdict="answered"}')).toBeGreaterThan(0);
});

test("VMs without a network work, and say so", async () => {
  await using alone = await TestDaemon.start({ settings: { network: "none" }, poolSize: 0 });
  const lonely = await alone.client.vms.launch({ machineType: "c1m2" });
  expect(lonely.publicIpv6).toBeUndefined();
  expect(await sh(alone.client, lonely, "ls /sys/class/net")).toBe("lo");
  await alone.client.vms.pause(lonely);
  await alone.client.vms.resume(lonely);
  expect(await sh(alone.client, lonely, "echo here")).toBe("here");
  expect(await networkFootprint(alone.config.dataDir)).toEqual({
    namespaces: 0,
    links: 0,
    chains: 0,
    sets: 0,
  });
});

test("when the daemon ends and its VMs with it, the host is as it was", async () => {
  const { dataDir } = daemon.config;
  await daemon[Symbol.asyncDispose]();
  // The kernel takes namespaces and devices apart some time after they are gone for everybody.
  await eventually(async () => expect(await lab.onHost(HOST_STATE)).toBe(before), 60_000);
  expect(await networkFootprint(dataDir)).toEqual({ namespaces: 0, links: 0, chains: 0, sets: 0 });
});
