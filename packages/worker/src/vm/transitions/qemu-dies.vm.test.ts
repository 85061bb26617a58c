import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hookSteps, newSnapshotId } from "@fastvm/contract";
import type { VmId } from "@fastvm/contract";
import { readJournal } from "../../journal/journal.ts";
import { TestWorker } from "../../testing/test-worker.ts";

const POLL_MS = 1;

describe("a QEMU that is killed", () => {
  let host: TestWorker;

  beforeAll(async () => {
    host = await TestWorker.start();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  async function kill(vmId: VmId): Promise<void> {
    for (;;) {
      const pid = (await readJournal(join(host.dataDir, "vms", vmId)))?.process?.pid;
      if (pid !== undefined) return void process.kill(pid, "SIGKILL");
      await sleep(POLL_MS);
    }
  }

  async function failure(work: Promise<unknown>): Promise<unknown> {
    return await work.then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  test.each(["snapshot", "pause", "fork"] as const)("in a %s: the VM died", async (operation) => {
    const vmId = await host.launch();
    await host.sh(vmId, "head -c 8000000 /dev/urandom > /dev/shm/private");
    // Before it, a fork still looks whether there is room, and one that has ended is no VM to be forked.
    const unhook = hookSteps(async (name) => {
      if (name === "capture.begun") await kill(vmId);
    });
    const work = {
      snapshot: () => host.worker.createSnapshot(vmId, newSnapshotId()),
      pause: () => host.worker.pause(vmId),
      fork: () => host.worker.fork(vmId, []),
    }[operation]();
    expect(await failure(work)).toMatchObject({ code: "vm_died" });
    unhook();
    await host.worker.deleteVm(vmId);
  });

  test("in a resume: the VM died, stays paused, and is resumed when asked again", async () => {
    const vmId = await host.launch();
    await host.sh(vmId, "head -c 24000000 /dev/urandom > /dev/shm/private");
    const sum = await host.sh(vmId, "md5sum < /dev/shm/private");
    await host.worker.pause(vmId);
    const failed = failure(host.worker.resume(vmId));
    await kill(vmId);
    expect(await failed).toMatchObject({ code: "vm_died" });
    expect(String((await failed) as Error)).not.toContain("ESRCH");
    expect((await host.worker.inventory()).vms).toContainEqual(
      expect.objectContaining({ vmId, status: "paused" }),
    );
    await host.worker.resume(vmId);
    expect(await host.sh(vmId, "md5sum < /dev/shm/private")).toBe(sum);
    await host.worker.deleteVm(vmId);
    await expect(readFile(join(host.dataDir, "vms", vmId))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
