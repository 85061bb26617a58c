import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hookSteps } from "@fastvm/contract";
import type { VmId, WorkerEvent } from "@fastvm/contract";
import { TestWorker } from "../../testing/test-worker.ts";

/** Enough for a busy machine to look at the VM, or to take the deadline back, before it is due. */
const DUE_MS = 5_000;

describe("a deadline", () => {
  let host: TestWorker;

  beforeAll(async () => {
    host = await TestWorker.start();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  function nextEvent(): Promise<WorkerEvent> {
    return new Promise((resolve) => {
      const unsubscribe = host.worker.subscribe((event) => {
        unsubscribe();
        resolve(event);
      });
    });
  }

  async function inventoried(vmId: VmId) {
    return (await host.worker.inventory()).vms.find((vm) => vm.vmId === vmId);
  }

  async function expectWithoutDeadline(vmId: VmId, status: string): Promise<void> {
    const found = await inventoried(vmId);
    expect(found).toMatchObject({ status });
    expect(found).not.toHaveProperty("deadline");
  }

  test("pauses, tells so, and is gone from the VM", async () => {
    const vmId = await host.launch();
    const event = nextEvent();
    const deadline = { atMs: Date.now() + DUE_MS, action: "pause" } as const;
    await host.worker.setDeadline(vmId, deadline);
    expect(await inventoried(vmId)).toMatchObject({ status: "running", deadline });
    expect(await event).toEqual({ kind: "vm_expired", vmId, ...deadline });
    await expectWithoutDeadline(vmId, "paused");
    await expect(host.worker.setDeadline(vmId, deadline)).rejects.toMatchObject({ code: "vm_wrong_state" });
    await host.worker.resume(vmId);
    await expectWithoutDeadline(vmId, "running");
    await host.worker.deleteVm(vmId);
  });

  test("that is given with the launch counts from when the VM runs", async () => {
    const event = nextEvent();
    let connectedMs = Infinity;
    const unhook = hookSteps(async (step) => {
      if (step === "introduce.connected") connectedMs = Date.now();
    });
    onTestFinished(unhook);
    const vmId = await host.launch({ ttl: { remainingMs: DUE_MS, action: "delete" } });
    const running = await inventoried(vmId);
    const inventoriedMs = Date.now();
    expect(running?.deadline?.atMs).toBeGreaterThanOrEqual(connectedMs + DUE_MS);
    expect(running?.deadline?.atMs).toBeLessThanOrEqual(inventoriedMs + DUE_MS);
    expect(await event).toMatchObject({ kind: "vm_expired", vmId, action: "delete" });
    expect(await inventoried(vmId)).toBeUndefined();
  });

  test.each([
    ["delete", undefined],
    ["pause", "error"],
  ] as const)(
    "that passed while no daemon looked, of a VM whose QEMU is gone: %s",
    async (action, status) => {
      const vmId = await host.launch();
      const folder = join(host.dataDir, "vms", vmId);
      const journal = await readFile(join(folder, "journal.json"), "utf8");
      const { process: qemu } = JSON.parse(journal) as { process: { pid: number } };
      await host.worker.setDeadline(vmId, { atMs: Date.now() + 5_000, action });
      await host.restart(async () => {
        // As a daemon leaves it that is killed while it carries the deadline out.
        process.kill(qemu.pid, "SIGKILL");
        await sleep(5_000);
      });
      expect((await inventoried(vmId))?.status).toBe(status);
      expect(existsSync(folder)).toBe(false);
      // Its disk is kept.
      expect(existsSync(join(host.dataDir, "stopped", vmId))).toBe(status !== undefined);
      await host.worker.deleteVm(vmId);
    },
  );

  test("that has passed acts at once; one that is taken back in time does not", async () => {
    const vmId = await host.launch();
    await host.worker.setDeadline(vmId, { atMs: Date.now() + DUE_MS, action: "delete" });
    await host.worker.setDeadline(vmId, null);
    await sleep(DUE_MS + 1_000);
    await expectWithoutDeadline(vmId, "running");
    const event = nextEvent();
    await host.worker.setDeadline(vmId, { atMs: 1, action: "delete" });
    expect(await event).toEqual({ kind: "vm_expired", vmId, action: "delete", atMs: 1 });
    expect(host.errors).toEqual([]);
  });
});
