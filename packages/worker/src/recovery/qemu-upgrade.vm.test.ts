import { glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newSnapshotId } from "@fastvm/contract";
import type { SnapshotId, VmId } from "@fastvm/contract";
import { readJournal } from "../journal/journal.ts";
import { QEMU_FOLDER, TCG_MODULE } from "../qemu/qemu-set.ts";
import { makeOtherQemu } from "../testing/other-qemu.ts";
import { ROOT, TestWorker } from "../testing/test-worker.ts";

const VALUE = "cat /dev/shm/value";

/** The package is replaced, binary and modules, while one VM runs, one is paused and one has a snapshot. */
describe("after an upgrade of QEMU", () => {
  let host: TestWorker;
  let installation: string;
  /** Of the old one: what its binary and its module have in them, and no other. */
  let stamp: string;
  let cacheDir: string;
  let running: VmId;
  let paused: VmId;
  let snapshot: SnapshotId;

  beforeAll(async () => {
    installation = await mkdtemp(join(ROOT, "qemu-"));
    cacheDir = await mkdtemp(join(ROOT, "cache-"));
    const old = await makeOtherQemu(installation);
    stamp = old.stamp;
    host = await TestWorker.start({ qemuPath: old.path, cacheDir });
    running = await launchWith("running");
    paused = await launchWith("paused");
    snapshot = newSnapshotId();
    await host.worker.createSnapshot(running, snapshot);
    await host.worker.pause(paused);
    await host.restart(() => rm(installation, { recursive: true }));
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await rm(cacheDir, { recursive: true, force: true });
  });

  async function launchWith(value: string): Promise<VmId> {
    const vmId = await host.launch();
    await host.sh(vmId, `echo ${value} >/dev/shm/value`);
    return vmId;
  }

  /** Whether the VM's process is the old QEMU, by what its executable says of itself. */
  async function runsOld(vmId: VmId): Promise<boolean> {
    const pid = (await readJournal(join(host.dataDir, "vms", vmId)))?.process?.pid;
    return (await readFile(`/proc/${pid}/exe`)).includes(stamp);
  }

  test("a VM that ran goes on, and can be captured and forked", async () => {
    expect(await host.sh(running, VALUE)).toBe("running");
    expect(await runsOld(running)).toBe(true);
    const later = newSnapshotId();
    await host.worker.createSnapshot(running, later);
    const copy = await host.launch({ source: { kind: "snapshot", snapshotId: later } });
    expect(await host.sh(copy, VALUE)).toBe("running");
    expect(await runsOld(copy)).toBe(true);
  });

  test("a paused VM resumes, and a snapshot is restored, in the QEMU they were captured with", async () => {
    await host.worker.resume(paused);
    expect(await host.sh(paused, VALUE)).toBe("paused");
    expect(await runsOld(paused)).toBe(true);
    const restored = await host.launch({ source: { kind: "snapshot", snapshotId: snapshot } });
    expect(await host.sh(restored, VALUE)).toBe("running");
    expect(await runsOld(restored)).toBe(true);
  });

  test("a new VM runs in the new one", async () => {
    const vmId = await host.launch();
    expect(await host.sh(vmId, "echo alive")).toBe("alive");
    expect(await runsOld(vmId)).toBe(false);
  });

  test("the old one is gone with the last that needs it", async () => {
    const { vms } = await host.worker.inventory();
    for (const { vmId } of vms) await host.worker.deleteVm(vmId);
    expect(await oldModules()).not.toBe(0);
    for (const snapshotId of (await host.worker.inventory()).snapshots) {
      await host.worker.deleteSnapshot(snapshotId);
    }
    expect(await oldModules()).toBe(0);
  });

  async function oldModules(): Promise<number> {
    let count = 0;
    for await (const path of glob(`**/${QEMU_FOLDER}/${TCG_MODULE}`, { cwd: host.dataDir })) {
      if ((await readFile(join(host.dataDir, path))).includes(stamp)) count++;
    }
    return count;
  }
});
