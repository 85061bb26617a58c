import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { newSnapshotId } from "@fastvm/contract";
import type { VmId, WorkerEvent } from "@fastvm/contract";
import { readJournal } from "../journal/journal.ts";
import { identifyProcess } from "../processes/proc.ts";
import { TestWorker } from "../testing/test-worker.ts";

const ANSWER_MS = 60_000;
const POLL_MS = 100;
/** Long enough that nobody answers by chance. */
const IMPATIENT_MS = 1_500;

describe("a VM that keeps silent when its daemon comes back", () => {
  let host: TestWorker;
  let vmId: VmId;
  let secret: string;

  beforeAll(async () => {
    host = await TestWorker.start();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    vmId = await host.launch();
    secret = await host.sh(vmId, "head -c 16 /dev/urandom | od -An -tx8 | tee /dev/shm/secret");
  });

  /** Stops the agent, the parent of the command, for longer than a busy machine takes to restart the daemon and ask it something. */
  async function hushAgent(): Promise<void> {
    const hush = "(setsid sh -c 'sleep 0.5; kill -STOP $0; sleep 20; kill -CONT $0' $PPID >/dev/null 2>&1 &)";
    await host.sh(vmId, hush);
    await sleep(IMPATIENT_MS);
  }

  async function qemu(): Promise<number> {
    const pid = (await readJournal(join(host.dataDir, "vms", vmId)))?.process?.pid;
    if (pid === undefined) throw new Error("the VM has no process");
    return pid;
  }

  async function expectRuns(): Promise<void> {
    expect((await host.worker.inventory()).vms).toContainEqual(
      expect.objectContaining({ vmId, status: "running" }),
    );
  }

  async function expectUnanswered(): Promise<void> {
    const command = host.worker.exec(vmId, { command: ["true"], timeoutMs: IMPATIENT_MS });
    await expect(command).rejects.toMatchObject({ code: "guest_unresponsive" });
  }

  async function expectAnswers(): Promise<void> {
    const deadline = Date.now() + ANSWER_MS;
    for (;;) {
      const answer = await host.sh(vmId, "cat /dev/shm/secret").catch((error: unknown) => error);
      if (answer === secret.trim()) return;
      if (Date.now() > deadline) throw new Error("it does not answer", { cause: answer });
      await sleep(POLL_MS);
    }
  }

  test("because its agent hangs: runs, is captured as it is, and answers when it can again", async () => {
    await hushAgent();
    await host.restart();
    await expectRuns();
    await expectUnanswered();
    const snapshotId = newSnapshotId();
    await host.worker.createSnapshot(vmId, snapshotId);
    await host.worker.setDeadline(vmId, { atMs: Date.now() + ANSWER_MS * 10, action: "delete" });
    await host.worker.setDeadline(vmId, null);
    await expectAnswers();
    await host.worker.deleteSnapshot(snapshotId);
    await host.worker.deleteVm(vmId);
  });

  test("because its agent hangs: is deleted at once", async () => {
    await hushAgent();
    const pid = await qemu();
    await host.restart();
    await host.worker.deleteVm(vmId);
    expect(await identifyProcess(pid)).toBeUndefined();
  });

  test("because its QEMU stands still: runs, and answers when it can again", async () => {
    const pid = await qemu();
    process.kill(pid, "SIGSTOP");
    await host.restart();
    await expectRuns();
    await expectUnanswered();
    process.kill(pid, "SIGCONT");
    await expectAnswers();
    await host.worker.pause(vmId);
    await host.worker.resume(vmId);
    await expectAnswers();
    await host.worker.deleteVm(vmId);
  });

  test("because its QEMU stands still: is deleted at once", async () => {
    const pid = await qemu();
    process.kill(pid, "SIGSTOP");
    await host.restart();
    await host.worker.deleteVm(vmId);
    expect(await identifyProcess(pid)).toBeUndefined();
    expect((await host.worker.inventory()).vms.map((vm) => vm.vmId)).not.toContain(vmId);
  });

  test("because its QEMU stands still, and then ends: has failed, and whoever listens is told", async () => {
    const pid = await qemu();
    process.kill(pid, "SIGSTOP");
    await host.restart();
    const event = new Promise<WorkerEvent>((resolve) => host.worker.subscribe(resolve));
    process.kill(pid, "SIGKILL");
    expect(await event).toMatchObject({
      kind: "vm_failed",
      vmId,
      reason: expect.stringContaining("QEMU was ended by SIGKILL"),
    });
    expect((await host.worker.inventory()).vms).toContainEqual(
      expect.objectContaining({ vmId, status: "error" }),
    );
    await host.worker.deleteVm(vmId);
  });
});
