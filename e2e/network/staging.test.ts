/** URLs of files are good inside a VM by whatever host the client knows the daemon, and whatever the VM may reach. */
import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FastvmClient } from "fastvm";
import type { Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { fetchAs } from "../harness/fetch-as.ts";
import { sh } from "../harness/guest.ts";
import { NetworkLab, NAMESERVER, WORLD } from "../harness/network-lab.ts";
import { reaches } from "../harness/probes.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-staging-"));
  await mkdir(join(folder, "tree/empty"), { recursive: true });
  await writeFile(join(folder, "tree/file"), "in the tree");
  await writeFile(join(folder, "one"), "a file of its own");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function expectTransfers(client: FastvmClient, vm: Pick<Vm, "id">): Promise<void> {
  const back = await mkdtemp(join(folder, "back-"));
  await client.upload(vm, join(folder, "one"), "/root/one");
  await client.download(vm, "/root/one", join(back, "one"));
  expect(await readFile(join(back, "one"), "utf8")).toBe("a file of its own");
  await client.upload(vm, join(folder, "tree"), "/root/tree");
  await client.download(vm, "/root/tree", join(back, "tree"));
  expect(await readFile(join(back, "tree/file"), "utf8")).toBe("in the tree");
  await client.vms.run(vm, "rm -rf /root/one /root/tree");
}

function clientAt(daemon: TestDaemon, baseUrl: string): FastvmClient {
  return new FastvmClient({ apiKey: daemon.apiKey, baseUrl, fetch: fetchAs(daemon.url) });
}

describe("a daemon on an address that is not loopback", () => {
  let lab: NetworkLab;
  let daemon: TestDaemon;
  let client: FastvmClient;
  let named: FastvmClient;
  let vm: Vm;

  beforeAll(async () => {
    lab = await NetworkLab.start();
    daemon = await TestDaemon.start({
      host: { namespace: lab.hostNamespace, address: lab.hostAddress },
      settings: { network: "on", nameservers: [NAMESERVER] },
    });
    client = daemon.client;
    named = clientAt(daemon, `http://fastvm.test:${daemon.config.port}`);
    vm = await client.vms.launch({ machineType: "c1m2" });
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  test("moves files by that address, under egress of all and of nothing", async () => {
    await setEgress("allow_all");
    await expectTransfers(client, vm);
    expect(await sh(client, vm, "ip -o addr show lo")).toContain(`${lab.hostAddress}/32`);
    await setEgress("deny_all");
    await expectTransfers(client, vm);
    expect(await reaches(client, vm, [["tcp", WORLD.v4, 80]])).toEqual([false]);
  });

  test("moves files by a name, which nobody resolves, and writes it down once", async () => {
    await expectTransfers(named, vm);
    await expectTransfers(named, vm);
    expect(await sh(client, vm, "cat /etc/hosts")).toBe(
      "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" +
        `127.0.1.1 ${vm.name} # fastvm: this VM's own name\n127.0.0.1 fastvm.test # fastvm: staging URLs`,
    );
    expect(await sh(client, vm, "stat -c '%a %U' /etc/hosts")).toBe("644 root");
  });

  test("is reached by its addresses of IPv6, too", async () => {
    for (const address of ["::1", "2001:db8:113::2"]) {
      const { uploadUrl, downloadUrl } = await presign(`[${address}]:${daemon.config.port}`);
      expect(new URL(uploadUrl).hostname).toBe(`[${address}]`);
      await sh(client, vm, `echo 'by ${address}' | curl -fsS --globoff -T - '${uploadUrl}'`);
      expect(await sh(client, vm, `curl -fsS --globoff '${downloadUrl}'`)).toBe(`by ${address}`);
    }
  });

  test("is so in the VM's next life, in those of its clones, and after its own restart", async () => {
    await client.vms.pause(vm);
    await client.vms.resume(vm);
    await expectTransfers(named, vm);
    const clone = await client.vms.launch({
      snapshotId: (await client.snapshots.create({ vmId: vm.id })).id,
    });
    await daemon.sigkill();
    await daemon.restart();
    for (const one of [vm, clone]) {
      await expectTransfers(client, one);
      await expectTransfers(named, one);
    }
    expect(await sh(client, clone, "grep -c fastvm.test /etc/hosts")).toBe("1");
  });

  test("takes nothing from the VM that is not ours, whatever a request calls us", async () => {
    const { port } = daemon.config;
    await setEgress("allow_all");
    const before = await sh(client, vm, "cat /etc/hosts; ip -o addr show lo");
    for (const host of [
      "192.0.0.1",
      "192.0.0.2",
      "169.254.169.254",
      "0.0.0.0",
      "[fe80::1]",
      "localhost",
      "a.example.",
    ]) {
      await presign(`${host}:${port}`);
    }
    // Another port is nobody's that we know of.
    await presign("other.example:9");
    for (const host of ["$(reboot)", "a b", "x/../y", "u@h", "[::1"]) {
      await expect(presign(`${host}:${port}`)).rejects.toThrow("400");
    }
    expect(await sh(client, vm, "cat /etc/hosts; ip -o addr show lo")).toBe(before);
    expect(await reaches(client, vm, [["tcp", WORLD.v4, 80]])).toEqual([true]);
  });

  async function presign(host: string): Promise<{ uploadUrl: string; downloadUrl: string }> {
    const sent = request(`${daemon.url}/v1/vms/${vm.id}/files/presign`, {
      method: "POST",
      headers: { "x-api-key": daemon.apiKey, host },
    }).end('{"path":"/x"}');
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}`);
    return (await json(answer)) as { uploadUrl: string; downloadUrl: string };
  }

  async function setEgress(mode: string): Promise<void> {
    const answer = await fetch(`${daemon.url}/v1/vms/${vm.id}/firewall`, {
      method: "PUT",
      headers: { "x-api-key": daemon.apiKey },
      body: JSON.stringify({ egress: { mode } }),
    });
    expect(answer.status).toBe(200);
  }
});

test("VMs without a network reach it, by the URL that its operator has fixed", async () => {
  await using daemon = await TestDaemon.start({
    settings: { network: "none", publicUrl: "http://files.test" },
    poolSize: 0,
  });
  const client = clientAt(daemon, "http://10.9.8.7:8800");
  const vm = await client.vms.launch({ machineType: "c1m2" });
  await expectTransfers(client, vm);
  expect(await sh(client, vm, "grep files.test /etc/hosts; ss -ltnH 'sport = :80' | wc -l")).toBe(
    "127.0.0.1 files.test # fastvm: staging URLs\n1",
  );
});
