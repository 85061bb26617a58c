/** A VM is a machine with a power button: stopped, started and rebooted from inside and outside it stays what it was. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { Steps } from "../harness/steps.ts";

/** A boot takes some ten seconds under emulation, on a busy machine some times that. */
const BOOT_DEADLINE_MS = 240_000;
/** So that it is a boot's own deadline that says what took too long: each test has three at most. */
const TIMEOUT_MS = 3 * BOOT_DEADLINE_MS;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f power";

/** How often the VM is stopped, started and rebooted: each boot takes its time. */
const TIMES = Number(process.env["FASTVM_TEST_POWER_TIMES"] ?? 1);
const EACH_TIME = Array.from({ length: TIMES }, (_, at) => at + 1);

let steps: Steps;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
/** What must be the same after whatever is done to it. */
let lasting: string;

beforeAll(async () => {
  steps = await Steps.make();
  daemon = await TestDaemon.start({ settings: { stepsFolder: steps.folder } });
  client = daemon.client;
  vm = await client.vms.launch({
    machineType: "c1m2",
    name: "lasting",
    metadata: { team: "a" },
    ttl: { action: "pause", seconds: 86_400 },
    firewall: { mode: "restricted", ingress: [{ protocol: "tcp", portStart: 22 }] },
  });
  await client.vms.services.register(vm, { name: "web", port: 8080 });
  await client.vms.sshKeys.add(vm, { publicKey: KEY });
  await sh(client, vm, "echo kept > /root/file; echo gone > /run/file; sync");
  lasting = await state();
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await steps.remove();
});

async function state(): Promise<string> {
  const { name, publicIpv6, metadata, ttl, firewall } = await client.vms.get(vm);
  const inside = await sh(
    client,
    vm,
    "cat /root/file /etc/machine-id /root/.ssh/authorized_keys2 /etc/ssh/ssh_host_ed25519_key.pub; hostname; ip -o addr show eth0 | wc -l",
  );
  const services = await client.vms.services.list(vm);
  return JSON.stringify({ name, publicIpv6, metadata, ttl, firewall, services, inside });
}

async function bootId(): Promise<string> {
  return await sh(client, vm, "cat /proc/sys/kernel/random/boot_id");
}

async function until(status: string): Promise<Vm> {
  return await eventually(async () => {
    const now = await client.vms.get(vm);
    expect(now.status, now.statusReason).toBe(status);
    return now;
  }, BOOT_DEADLINE_MS);
}

test.each(EACH_TIME)(
  "a VM that powers off is stopped with its disk, counts for its disk alone, and starts from it (%i)",
  { timeout: TIMEOUT_MS },
  async () => {
    const running = (await client.quotas.retrieve()).usage;
    await client.vms.run(vm, "poweroff").catch(() => undefined);
    expect((await until("stopped")).statusReason).toBe("The guest powered off");
    const { usage } = await client.quotas.retrieve();
    expect(usage).toEqual({ ...running, vcpu: running.vcpu - 1, memoryMiB: running.memoryMiB - 2048 });
    await expect(client.vms.run(vm, "true")).rejects.toMatchObject({ code: "vm_wrong_state" });
    const starting = await client.vms.start(vm, {}, undefined, { wait: false });
    expect(starting).toMatchObject({ status: "provisioning", statusReason: "Its disk boots" });
    await until("running");
    expect(await state()).toBe(lasting);
    expect(await sh(client, vm, "ls /run/file || echo none")).toContain("none");
  },
);

test.each(EACH_TIME)(
  "it reboots by itself, is restarted and stopped from outside, and is the same VM (%i)",
  { timeout: TIMEOUT_MS },
  async () => {
    await client.vms.start(vm);
    const first = await bootId();
    await client.vms.run(vm, "reboot").catch(() => undefined);
    await eventually(
      async () => expect((await client.vms.get(vm)).status).toBe("provisioning"),
      BOOT_DEADLINE_MS,
    );
    await until("running");
    const second = await bootId();
    await client.vms.restart(vm, { graceSec: 0 });
    expect(new Set([first, second, await bootId()]).size).toBe(3);
    expect(await state()).toBe(lasting);
    expect(await client.vms.stop(vm, { graceSec: 300 })).toMatchObject({
      status: "stopped",
      statusReason: "Stopped: its guest powered off",
    });
  },
);
