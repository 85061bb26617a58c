/** Times to live, enforced by the worker: in time, and also for what came while no daemon was there. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import { processesIn } from "../harness/processes.ts";

/**
 * An expiry is a timer and then a pause; on two busy emulated cores the pause takes a second or two.
 * Less than the 15 s after which the control plane would step in: it is the worker that is tested.
 */
const LATE_MS = 13_000;
const SECONDS = 3;

describe("a VM with a time to live", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    client = daemon.client;
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function launch(action: "pause" | "delete", seconds: number): Promise<Vm> {
    return await client.vms.launch({ machineType: "c1m2", ttl: { action, seconds } });
  }

  async function statusOf(vm: Vm): Promise<string | undefined> {
    return (await client.vms.list()).find(({ id }) => id === vm.id)?.status;
  }

  async function qemuOf(vm: Vm): Promise<unknown[]> {
    const all = await processesIn(daemon.config.dataDir);
    return all.filter(({ folder }) => folder === `vms/${vm.id}`);
  }

  test("is paused when it is over, not sooner, and goes on where it was when resumed", async () => {
    const vm = await launch("pause", 60);
    const memory = await startKeeper(client, vm);
    const armed = await client.vms.update(vm, { ttl: { action: "pause", seconds: SECONDS } });
    const due = armed.expiresAtMs ?? 0;
    await eventually(async () => expect(await statusOf(vm)).toBe("paused"), SECONDS * 1000 + LATE_MS);
    expect(Date.now()).toBeGreaterThanOrEqual(due);
    expect(await qemuOf(vm)).toEqual([]);
    await client.vms.update(vm, { ttl: { action: "pause", seconds: 600 } });
    const resumed = await client.vms.resume(vm);
    expect((resumed.expiresAtMs ?? 0) - Date.now()).toBeGreaterThan(500_000);
    expectContinues(await askKeeper(client, vm), memory);
    await client.vms.delete(vm);
  });

  test("is deleted when it is over, with all it held", async () => {
    const vm = await launch("delete", SECONDS);
    await eventually(async () => expect(await statusOf(vm)).toBeUndefined(), SECONDS * 1000 + LATE_MS);
    expect(await qemuOf(vm)).toEqual([]);
  });

  test("lives on as long as it is refreshed", async () => {
    const vm = await launch("delete", 10);
    for (let round = 0; round < 4; round++) {
      await sh(client, vm, "sleep 4");
      await client.vms.refreshTtl(vm);
    }
    expect(await statusOf(vm)).toBe("running");
    await eventually(async () => expect(await statusOf(vm)).toBeUndefined(), 10_000 + LATE_MS);
  });

  test("that comes while no daemon is there takes effect when one is", async () => {
    const paused = await launch("pause", 600);
    const memory = await startKeeper(client, paused);
    const deleted = await launch("delete", 600);
    const kept = await launch("delete", 600);
    await client.vms.update(paused, { ttl: { action: "pause", seconds: SECONDS } });
    await client.vms.update(deleted, { ttl: { action: "delete", seconds: SECONDS } });
    await daemon.sigkill();
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000 + 500));
    expect(await qemuOf(paused)).toHaveLength(1);
    await daemon.restart();
    await eventually(async () => {
      expect(await statusOf(paused)).toBe("paused");
      expect(await statusOf(deleted)).toBeUndefined();
    }, LATE_MS);
    expect(await qemuOf(paused)).toEqual([]);
    expect(await qemuOf(deleted)).toEqual([]);
    expect(await statusOf(kept)).toBe("running");
    await client.vms.resume(paused);
    expectContinues(await askKeeper(client, paused), memory);
  });
});
