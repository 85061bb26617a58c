import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APIError } from "fastvm";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually, within } from "../harness/eventually.ts";
import { expectFootprint, restingFootprint } from "../harness/footprint.ts";
import type { Footprint } from "../harness/footprint.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { processesIn, processOf } from "../harness/processes.ts";

const SETTLED_MS = 10_000;
/** The kernel lets go of a control group some time after its last process has ended, on a busy machine many seconds. */
const GROUPS_GONE_MS = 60_000;
const MARGIN_BYTES = 8 * 2 ** 20;
/** A killed command gets 5 s to end, on top of its time limit. */
const CLEAR_ERROR_MS = 25_000;

describe("a VM that ends unasked", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let sibling: Vm;
  let siblingMemory: Memory;
  let before: Footprint;

  beforeAll(async () => {
    daemon = await TestDaemon.start({ poolSize: 1 });
    client = daemon.client;
    sibling = await client.vms.launch({ machineType: "c1m2" });
    siblingMemory = await startKeeper(client, sibling);
    before = await restingFootprint(daemon);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function kill(vm: Vm): Promise<void> {
    process.kill((await processOf(daemon.config.dataDir, vm.id)).pid, "SIGKILL");
  }

  async function expectFailed(vm: Vm, reason: RegExp): Promise<void> {
    const failed = await eventually(async () => {
      const now = await client.vms.get(vm);
      expect(now.status).toBe("error");
      return now;
    }, SETTLED_MS);
    expect(failed.statusReason).toMatch(reason);
  }

  /** Nothing of it is left but its row and its journal, and delete takes those. */
  async function expectFreedAndDelete(vm: Vm): Promise<void> {
    const processes = await processesIn(daemon.config.dataDir);
    expect(processes.filter(({ folder }) => folder === `vms/${vm.id}`)).toEqual([]);
    await eventually(
      async () => expect((await restingFootprint(daemon)).cgroups).toBe(before.cgroups),
      GROUPS_GONE_MS,
    );
    const failure = await client.vms.run(vm, "true").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ status: 409, code: "vm_wrong_state" });
    expect(await client.vms.delete(vm)).toEqual({ id: vm.id, deleted: true });
    await expectFootprint(daemon, before);
    expectContinues(await askKeeper(client, sibling), siblingMemory);
  }

  test("because its QEMU is killed: an error with a reason, and all that it held is free", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    await kill(vm);
    await expectFailed(vm, /^QEMU was ended by SIGKILL$/);
    await expectFreedAndDelete(vm);
  });

  test("ends the commands that ran in it, and none hangs", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    const stream = client.vms.stream(vm, "echo begun; sleep 1000")[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ type: "stdout" });
    const buffered = client.vms.run(vm, "sleep 1000").catch((error: unknown) => error);
    await sh(client, vm, "until [ $(pgrep -fc '^sleep 1000') = 2 ]; do sleep 0.05; done");
    await kill(vm);
    const drain = (async () => {
      for (let next = await stream.next(); next.done !== true; next = await stream.next()) void next;
    })();
    const failure = await within(
      SETTLED_MS,
      "the stream",
      drain.catch((error: unknown) => error),
    );
    expect(failure).toMatchObject({ name: "CommandLostError", code: "vm_died" });
    expect(await within(SETTLED_MS, "the buffered command", buffered)).toMatchObject({ code: "vm_died" });
    await expectFailed(vm, /QEMU/);
    await client.vms.delete(vm);
  });

  test("while it is captured: the capture fails, nothing half-made is left", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    const captures = [client.snapshots.create({ vmId: vm.id }), client.snapshots.create({ vmId: vm.id })];
    const outcomes = Promise.allSettled(captures);
    await kill(vm);
    for (const outcome of await within(SETTLED_MS, "the captures", outcomes)) {
      if (outcome.status === "fulfilled") await client.snapshots.delete(outcome.value);
      else expect(outcome.reason).toBeInstanceOf(APIError);
    }
    await expectFailed(vm, /QEMU/);
    await client.vms.delete(vm);
    expect(await client.snapshots.list()).toEqual([]);
    await expectFootprint(daemon, before);
  });

  test("because its daemon was another when it was launched, and it is killed: says so, too", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    await daemon.sigkill();
    await daemon.restart();
    await kill(vm);
    await expectFailed(vm, /^QEMU was ended by SIGKILL$/);
    await client.vms.delete(vm);
  });

  test("because the kernel had no memory for it within its bounds: says so", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    const { pid } = await processOf(daemon.config.dataDir, vm.id);
    await boundMemoryOf(pid);
    await sh(client, vm, "head -c 350M /dev/urandom | tail -c 300M | wc -c").catch(() => undefined);
    await expectFailed(vm, /^QEMU was ended by SIGKILL, by the kernel, for want of memory$/);
    await client.vms.delete(vm);
  });

  test("because its guest powers off or reboots: says so", async () => {
    const [off, reboot] = await Promise.all([
      client.vms.launch({ machineType: "c1m2" }),
      client.vms.launch({ machineType: "c1m2" }),
    ]);
    const ending = [
      client.vms.run(off, "echo o > /proc/sysrq-trigger; sleep 100"),
      client.vms.run(reboot, "echo b > /proc/sysrq-trigger; sleep 100"),
    ];
    for (const outcome of await within(CLEAR_ERROR_MS, "the commands", Promise.allSettled(ending))) {
      expect(outcome.status).toBe("rejected");
    }
    await eventually(async () => {
      expect(await client.vms.get(off)).toMatchObject({
        status: "stopped",
        statusReason: "The guest powered off",
      });
      const { status, statusReason } = await client.vms.get(reboot);
      expect([status, statusReason]).not.toEqual(["running", undefined]);
    }, SETTLED_MS);
    await client.vms.delete(reboot);
    await expectFreedAndDelete(off);
  });

  test("stays failed, with its reason, over a restart of the daemon", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    await kill(vm);
    await expectFailed(vm, /QEMU/);
    const reason = (await client.vms.get(vm)).statusReason;
    await daemon.sigkill();
    await daemon.restart();
    expect(await client.vms.get(vm)).toMatchObject({ status: "error", statusReason: reason });
    await expectFreedAndDelete(vm);
  });

  test("because it died while no daemon looked: is failed when one comes back", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    await daemon.sigkill();
    await kill(vm);
    await daemon.restart();
    await expectFailed(vm, /QEMU was ended by SIGKILL$/);
    await expectFreedAndDelete(vm);
  });
});

/** To hardly more than it has: as for a QEMU that was taken over and takes more and more. In either version of control groups. */
async function boundMemoryOf(pid: number): Promise<void> {
  const groups = await readFile(`/proc/${pid}/cgroup`, "latin1");
  const [, version1] = /^\d+:memory:(.*)$/m.exec(groups) ?? [];
  const [, version2] = /^0::(.*)$/m.exec(groups) ?? [];
  const [usage, limit] =
    version1 === undefined
      ? [`${version2}/memory.current`, `${version2}/memory.max`]
      : [`/memory${version1}/memory.usage_in_bytes`, `/memory${version1}/memory.limit_in_bytes`];
  const used = Number(await readFile(`/sys/fs/cgroup${usage}`, "latin1"));
  await writeFile(`/sys/fs/cgroup${limit}`, `${used + MARGIN_BYTES}`);
}
