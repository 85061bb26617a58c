import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { MemoryGroup } from "../harness/memory-group.ts";

/** A machine of 2 GiB is not refused outright, and a dozen idle ones fit beside the daemon and its pool. */
const LIMIT_MIB = 2304;
/** More than fit: an idle one has 60 MiB at least, and holds 32 free. */
const MOST = 30;
/** With it, and what the others have, the limit is passed. */
const GREED_MIB = 1500;
/** What another has by then: how much all the idle ones have varies. */
const APPETITE_MIB = 500;
/** Below what is held free for each VM that runs. */
const GROWTH_MIB = 24;
const DEADLINE_MS = 60_000;

let group: MemoryGroup;
let daemon: TestDaemon;
let client: FastvmClient;
let pid: number;
const running: Vm[] = [];
const waiting: Vm[] = [];

beforeAll(async () => {
  group = await MemoryGroup.make(LIMIT_MIB);
  daemon = await TestDaemon.start({ starter: group.starter });
  client = daemon.client;
  pid = await daemon.pid();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await group[Symbol.asyncDispose]();
});

test("launches wait before the OOM killer of the daemon's control group strikes", async () => {
  while (waiting.length === 0 && running.length < MOST) await launch();
  expect(running.length).toBeGreaterThan(1);
  await Promise.all(Array.from({ length: 5 }, launch));
  expect(waiting.length).toBeGreaterThan(0);
  for (const vm of waiting) {
    expect(await client.vms.retrieve(vm)).toMatchObject({ statusReason: "Waiting for room on the host" });
  }
  await expectAllAlive();
});

test("VMs that run may still grow", async () => {
  for (const vm of running) await sh(client, vm, `head -c ${GROWTH_MIB}M /dev/zero > /dev/shm/growth`);
  await expectAllAlive();
});

test("what waits starts when there is room", async () => {
  // Those that stay have grown by most of what was held free for them, so one that goes is not always enough.
  for (const vm of running.splice(0, Math.floor(running.length / 2))) await client.vms.delete(vm);
  await eventually(async () => {
    const states = await Promise.all(waiting.map((vm) => client.vms.retrieve(vm)));
    expect(states.map(({ status }) => status)).toContain("running");
  }, DEADLINE_MS);
});

test("a VM that takes it all is ended by the OOM killer, with a reason, and alone", async () => {
  for (const vm of waiting) await client.vms.delete(vm);
  const greedy = running.pop();
  const [other] = running;
  if (greedy === undefined || other === undefined) throw new Error("too few VMs run");
  await fill(other, APPETITE_MIB);
  await expect(fill(greedy, GREED_MIB)).rejects.toThrow();
  await eventually(async () => {
    const { status, statusReason } = await client.vms.retrieve(greedy);
    expect(status).toBe("error");
    expect(statusReason).toBeTruthy();
  }, DEADLINE_MS);
  await expectAllAlive();
});

async function fill(vm: Vm, mib: number): Promise<void> {
  await sh(client, vm, `mount -o remount,size=100% /dev/shm && head -c ${mib}M /dev/zero > /dev/shm/all`);
}

async function launch(): Promise<void> {
  const vm = await client.vms.launch({ machineType: "c1m2" }, {}, { wait: false });
  (vm.status === "running" ? running : waiting).push(vm);
}

async function expectAllAlive(): Promise<void> {
  expect(await daemon.pid()).toBe(pid);
  await Promise.all(running.map((vm) => sh(client, vm, "true")));
}
