import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { restingFootprint } from "../harness/footprint.ts";
import { sh } from "../harness/guest.ts";
import { processesIn, processOf } from "../harness/processes.ts";

const POOL_SIZE = 2;
const MAX_CLOCK_ERROR_MS = 2000;

describe("VMs that stood by", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;

  beforeAll(async () => {
    daemon = await TestDaemon.start({ poolSize: POOL_SIZE });
    client = daemon.client;
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function standing(): Promise<number[]> {
    await restingFootprint(daemon);
    const processes = await processesIn(daemon.config.dataDir);
    return processes.filter(({ folder }) => folder.startsWith("standby/")).map(({ pid }) => pid);
  }

  async function fromEach(vms: readonly Vm[], command: string): Promise<Set<string>> {
    return new Set(await Promise.all(vms.map((vm) => sh(client, vm, command))));
  }

  test("are somebody of their own once they are launched", async () => {
    const pids = await standing();
    const launch = (name: string): Promise<Vm> =>
      client.vms.launch({ machineType: "c1m2", name, diskGiB: 12, envVars: { WHO: name } });
    const vms = await Promise.all([launch("one"), launch("two")]);
    for (const vm of vms) {
      expect(pids).toContain((await processOf(daemon.config.dataDir, vm.id)).pid);
      expect(await sh(client, vm, "echo $WHO")).toBe(vm.name);
      expect(await sh(client, vm, "cat /etc/machine-id")).toBe(vm.id.replaceAll("-", ""));
      expect(Number(await sh(client, vm, "df --output=size -BG / | tail -1 | tr -dc 0-9"))).toBeGreaterThan(
        10,
      );
      const earliest = Date.now();
      const guest = Number(await sh(client, vm, "date +%s%3N"));
      expect(guest).toBeGreaterThan(earliest - MAX_CLOCK_ERROR_MS);
      expect(guest).toBeLessThan(Date.now() + MAX_CLOCK_ERROR_MS);
    }
    expect((await fromEach(vms, "head -c 16 /dev/urandom | od -An -tx8")).size).toBe(2);
    expect((await fromEach(vms, "cat /etc/ssh/ssh_host_ed25519_key.pub")).size).toBe(2);
    expect((await fromEach(vms, "hostname")).size).toBe(2);
    const [first] = vms;
    await sh(client, first, "echo kept > /root/kept");
    await client.vms.pause(first);
    await client.vms.resume(first);
    expect(await sh(client, first, "cat /root/kept")).toBe("kept");
    await Promise.all(vms.map((vm) => client.vms.delete(vm)));
  });

  test("and died meanwhile are no reason for a launch to fail, and are replaced", async () => {
    const pids = await standing();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    const vm = await client.vms.launch({ machineType: "c1m2" });
    expect(await sh(client, vm, "echo alive")).toBe("alive");
    await client.vms.delete(vm);
    await eventually(async () => {
      const now = await standing();
      expect(now).toHaveLength(POOL_SIZE);
      expect(now.some((pid) => pids.includes(pid))).toBe(false);
    }, 30_000);
  });
});
