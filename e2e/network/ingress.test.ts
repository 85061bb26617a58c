/** Who may come to a VM's public address: nobody but whom its policy names, in either dialect, for every VM its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKey, createOrganisation } from "@fastvm/daemon";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { ANSWER_MS, NetworkLab, SILENCE_MS } from "../harness/network-lab.ts";

const WORLD_SOURCE = "2001:db8:113::1";

/** Answers on each of these, TCP and UDP, with the guest's host name. */
const ECHO = `
import socket, sys, threading
name = socket.gethostname().encode() + b"\\n"
def tcp(port):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        peer, _ = server.accept()
        peer.sendall(name)
        peer.close()
def udp(port):
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.bind(("::", port))
    while True:
        _, peer = server.recvfrom(100)
        server.sendto(name, peer)
for port in (8000, 8001, 8005, 8010, 8011):
    threading.Thread(target=tcp, args=(port,)).start()
    threading.Thread(target=udp, args=(port,)).start()
print("ready", flush=True)
`;

let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let address: string;

beforeAll(async () => {
  lab = await NetworkLab.start();
  daemon = await TestDaemon.start(lab.daemonOptions);
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2", name: "listener" });
  address = vm.publicIpv6 ?? "";
  await sh(
    client,
    vm,
    `nohup python3 -c '${ECHO}' >/tmp/ready 2>&1 & until grep -q ready /tmp/ready; do sleep 0.1; done`,
  );
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** These ports answer the world, as `tcp/8000`, and no others. */
async function expectOpen(expected: readonly string[], target = address): Promise<void> {
  const answers = await Promise.all(
    ALL.map(async (name) => {
      const reach = name.startsWith("tcp") ? lab.connect.bind(lab) : lab.datagram.bind(lab);
      const patience = expected.includes(name) ? ANSWER_MS : SILENCE_MS;
      const answer = await reach(target, Number(name.split("/")[1]), patience);
      return answer === undefined ? [] : [name];
    }),
  );
  expect(answers.flat()).toEqual(expected);
}

const ALL = [8000, 8001, 8005, 8010, 8011].flatMap((port) => [`tcp/${port}`, `udp/${port}`]).toSorted();

test("by default nobody", async () => {
  expect(address).toMatch(/^2001:db8:beef:/);
  await expectOpen([]);
  expect(await lab.connect(address, 22, SILENCE_MS)).toBeUndefined();
});

describe("rules", () => {
  test("allow by source, protocol and both ends of a range of ports", async () => {
    await client.vms.setFirewall(vm, {
      ingress: {
        default: "deny",
        rules: [
          { action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "8001-8010" },
          { action: "allow", kind: "cidr", value: "2001:db8:113::/64", protocol: "udp", ports: "8000" },
          { action: "allow", kind: "cidr", value: "2001:db8:114::/64", protocol: "any", ports: "any" },
        ],
      },
    });
    await expectOpen(["tcp/8001", "tcp/8005", "tcp/8010", "udp/8000"]);
  });

  test("deny by source and port, the first that matches", async () => {
    await client.vms.setFirewall(vm, {
      ingress: {
        default: "allow",
        rules: [
          { action: "allow", kind: "cidr", value: `${WORLD_SOURCE}/128`, protocol: "udp", ports: "8011" },
          { action: "deny", kind: "cidr", value: "2001:db8:113::/64", protocol: "any", ports: "any" },
        ],
      },
    });
    await expectOpen(["udp/8011"]);
  });

  test("in the older dialect", async () => {
    await client.vms.setFirewall(vm, { mode: "open" });
    await expectOpen(ALL);
    await client.vms.patchFirewall(vm, {
      mode: "restricted",
      ingress: [
        { protocol: "tcp", portStart: 8000 },
        { protocol: "udp", portStart: 8005, portEnd: 8010, sourceCidrs: ["2001:db8:113::/64"] },
        { protocol: "tcp", portStart: 8011, sourceCidrs: ["2001:db8:999::/64"] },
      ],
    });
    await expectOpen(["tcp/8000", "udp/8005", "udp/8010"]);
  });

  test("of a service, from its registration to its end", async () => {
    await client.vms.setFirewall(vm, { ingress: { default: "deny" } });
    await client.vms.services.register(vm, { name: "web", port: 8001 });
    await expectOpen(["tcp/8001"]);
    await client.vms.services.delete(vm, "web");
    await expectOpen([]);
  });
});

test("what the guest answers is not taken for what it sends", async () => {
  await client.vms.setFirewall(vm, {
    ingress: {
      default: "deny",
      rules: [{ action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "8000" }],
    },
    egress: { default: "deny" },
  });
  await expectOpen(["tcp/8000"]);
});

describe("in every life of a VM", () => {
  test("each clone has an address of its own, which answers by the policy that came along", async () => {
    const { children } = await client.vms.fork(vm, { count: 2 });
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const restored = await client.vms.launch({ snapshotId: snapshot.id, name: "restored" });
    const clones = [...children.flatMap((child) => child.vm ?? []), restored];
    const addresses = clones.map((clone) => clone.publicIpv6 ?? "");
    expect(new Set([address, ...addresses]).size).toBe(4);
    for (const clone of addresses) await expectOpen(["tcp/8000"], clone);
    // Side by side, each its own: the host name tells which answered.
    await client.vms.setFirewall(restored, { ingress: { default: "deny" } });
    await expectOpen([], restored.publicIpv6);
    await expectOpen(["tcp/8000"]);
    await Promise.all(clones.map((clone) => client.vms.delete(clone)));
    for (const gone of addresses) await expectOpen([], gone);
  });

  test("a paused VM answers nobody, and again when it goes on, also to a new daemon", async () => {
    await client.vms.pause(vm);
    await expectOpen([]);
    await client.vms.resume(vm);
    await expectOpen(["tcp/8000"]);
    await daemon.sigkill();
    await expectOpen(["tcp/8000"]);
    await daemon.restart();
    await expectOpen(["tcp/8000"]);
  });

  test("a connection that was open before a snapshot and a fork goes on in the source", async () => {
    await client.vms.setFirewall(vm, { ingress: { default: "deny" } });
    await sh(
      client,
      vm,
      "touch /tmp/go; nohup bash -c 'exec 3<>/dev/tcp/198.51.100.10/8080; read -r -u 3 line; " +
        "while [ -e /tmp/go ]; do echo $((++i)) >&3; read -r -t 5 -u 3 line || exit; " +
        `echo "$line" >/tmp/new; mv /tmp/new /tmp/last; sleep 0.05; done' >/dev/null 2>&1 & ` +
        "until [ -s /tmp/last ]; do sleep 0.1; done",
    );
    const before = lab.sightings.filter(({ port }) => port === 8080).length;
    const first = Number(await sh(client, vm, "cat /tmp/last"));
    await client.snapshots.create({ vmId: vm.id });
    const { children } = await client.vms.fork(vm, { count: 1 });
    await sh(client, vm, "sleep 1");
    const second = Number(await sh(client, vm, "cat /tmp/last"));
    expect(second).toBeGreaterThan(first);
    expect(lab.sightings.filter(({ port }) => port === 8080)).toHaveLength(before);
    for (const { vm: child } of children) if (child !== undefined) await client.vms.delete(child);
    await sh(client, vm, "rm /tmp/go");
  });
});

describe("SSH", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-ssh-"));
    await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const ssh = (...options: string[]): Promise<{ stdout: string; stderr: string }> =>
    lab.inWorld("ssh", [
      ...[
        "-6",
        // The first of an option counts.
        ...options,
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "ConnectTimeout=20",
      ],
      ...["-o", "LogLevel=ERROR", "-o", "BatchMode=yes", `root@${address}`, "hostname; tty || true"],
    ]);

  test("root gets in with a key of the API, through port 22, and not with a password", async () => {
    await client.vms.sshKeys.add(vm, { publicKey: await readFile(join(folder, "key.pub"), "utf8") });
    await expect(ssh("-o", "ConnectTimeout=3", "-i", join(folder, "key"))).rejects.toThrow(
      /timed out|No route/,
    );
    await client.vms.patchFirewall(vm, {
      ingress: {
        default: "deny",
        rules: [{ action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "22" }],
      },
    });
    const { stdout } = await ssh("-i", join(folder, "key"));
    expect(stdout).toContain("listener");
    await expect(ssh("-o", "PubkeyAuthentication=no")).rejects.toThrow(/Permission denied \(publickey\)/);
  });

  test("root gets in with a key that was signed for minutes, to its machine alone, by its organisation alone", async () => {
    await client.vms.sshKeys.delete(vm, (await client.vms.sshKeys.list(vm)).keys[0]?.fingerprint ?? "");
    await client.vms.setFirewall(vm, { ingress: { default: "deny" } });
    const other = await client.vms.launch({ machineType: "c1m2", name: "sibling" });
    const org = await createOrganisation(daemon.config.dataDir, "others");
    const ours = await createKey(daemon.config.dataDir, { api: "nullspace" });
    const theirs = await createKey(daemon.config.dataDir, { api: "nullspace", org: org.id });
    const machineOf = (vmId: string) => `mch_${vmId.replaceAll("-", "")}`;
    const publicKey = await readFile(join(folder, "key.pub"), "utf8");
    const order = async (apiKey: string, machine: string, seconds = 600) => {
      const answer = await fetch(`${daemon.url}/v1/machines/${machine}/ssh-access`, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}` },
        body: JSON.stringify({ public_key: publicKey, ttl_seconds: seconds }),
      });
      return (await answer.json()) as { certificate: string; code?: string };
    };
    const login = async ({ certificate }: { certificate: string }, to = vm) => {
      await writeFile(join(folder, "key-cert.pub"), certificate);
      const target = ["-o", `HostName=${to.publicIpv6}`];
      return ssh(
        "-i",
        join(folder, "key"),
        "-o",
        `CertificateFile=${join(folder, "key-cert.pub")}`,
        ...target,
      );
    };
    const good = await order(ours.key, machineOf(vm.id));
    expect((await login(good)).stdout).toContain("listener");
    const ofSibling = await order(ours.key, machineOf(other.id));
    expect((await login(ofSibling, other)).stdout).toContain("sibling");
    await expect(login(ofSibling)).rejects.toThrow(/Permission denied/);
    expect((await order(theirs.key, machineOf(vm.id))).code).toBe("machine_not_found");
    // Signed by another organisation, for a machine of its own that has what it takes.
    const { id: foreign } = (await (
      await fetch(`${daemon.url}/v1/machines`, {
        method: "POST",
        headers: { authorization: `Bearer ${theirs.key}` },
        body: JSON.stringify({ memory_mb: 2048 }),
      })
    ).json()) as { id: string };
    await expect(login(await order(theirs.key, foreign))).rejects.toThrow(/Permission denied/);
    const short = await order(ours.key, machineOf(vm.id), 1);
    await eventually(() => expect(login(short)).rejects.toThrow(/Permission denied/), 30_000);
    expect((await login(good)).stdout).toContain("listener");
    await sh(client, vm, "systemctl stop ssh.socket ssh.service 2>/dev/null; pkill -x sshd || true");
    expect((await order(ours.key, machineOf(vm.id))).code).toBe("ssh_unavailable");
  });
});
