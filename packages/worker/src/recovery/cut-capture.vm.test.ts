import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newSnapshotId } from "@fastvm/contract";
import type { VmId } from "@fastvm/contract";
import type { DiskChain } from "../disk/chain.ts";
import { DISK_FOLDER, nextLayer, openOverlay, switchToOverlay } from "../disk/chain.ts";
import { OverlayFactory } from "../disk/overlay.ts";
import { readJournal } from "../journal/journal.ts";
import type { Journal } from "../journal/journal.ts";
import { QMP_SOCKET } from "../qemu/machine.ts";
import { QmpClient } from "../qemu/qmp-client.ts";
import { TestWorker } from "../testing/test-worker.ts";

const GIB = 1024 ** 3;
const CONNECT_MS = 5_000;

/** What a capture has done when its daemon is killed: the VM's QEMU knows, its journal does not. */
describe("a VM whose daemon was killed in a capture", () => {
  let host: TestWorker;

  beforeAll(async () => {
    host = await TestWorker.start();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  const folderOf = (vmId: VmId): string => join(host.dataDir, "vms", vmId);

  async function journalOf(vmId: VmId): Promise<Journal> {
    const journal = await readJournal(folderOf(vmId));
    if (journal === undefined) throw new Error("there is no journal");
    return journal;
  }

  /** Does to the VM what a capture does first, step by step, while no worker looks. Returns the chain as QEMU has it then. */
  async function cutAfter(
    vmId: VmId,
    step: "opened" | "stopped" | "switched",
    chain: DiskChain,
  ): Promise<DiskChain> {
    const { diskGib, uid } = await journalOf(vmId);
    const overlay = nextLayer(chain);
    const path = join(folderOf(vmId), DISK_FOLDER, overlay);
    const overlays = await OverlayFactory.open(join(host.dataDir, "overlays"));
    await overlays.create(path, diskGib * GIB, uid);
    const qmp = await QmpClient.connect(join(folderOf(vmId), QMP_SOCKET), CONNECT_MS);
    try {
      await openOverlay(qmp, overlay);
      if (step !== "opened") await qmp.execute("stop");
      if (step === "switched") await switchToOverlay(qmp, chain, overlay);
      return [...chain, overlay];
    } finally {
      qmp.close();
    }
  }

  async function expectCaptures(vmId: VmId): Promise<void> {
    await host.sh(vmId, "echo kept > /root/file; sync");
    const snapshotId = newSnapshotId();
    await host.worker.createSnapshot(vmId, snapshotId);
    const clone = await host.launch({ source: { kind: "snapshot", snapshotId } });
    expect(await host.sh(clone, "cat /root/file")).toBe("kept");
    await host.worker.deleteVm(clone);
    await host.worker.pause(vmId);
    await host.worker.resume(vmId);
    expect(await host.sh(vmId, "cat /root/file")).toBe("kept");
    await host.worker.deleteSnapshot(snapshotId);
  }

  test.each(["opened", "stopped", "switched"] as const)(
    "whose overlay was %s runs on, and is captured again",
    async (step) => {
      const vmId = await host.launch();
      await host.restart(async () => {
        await cutAfter(vmId, step, (await journalOf(vmId)).chain);
      });
      await expectCaptures(vmId);
      await host.worker.deleteVm(vmId);
    },
  );

  test("which no journal could be written after, twice, has a chain of all its layers, and may write to the last only", async () => {
    const vmId = await host.launch();
    const before = await journalOf(vmId);
    await host.restart(async () => {
      await cutAfter(vmId, "switched", await cutAfter(vmId, "switched", before.chain));
    });
    await host.sh(vmId, "true");
    const { chain, uid } = await journalOf(vmId);
    expect(chain).toHaveLength(before.chain.length + 2);
    expect(chain.slice(0, before.chain.length)).toEqual(before.chain);
    const owners = await Promise.all(
      chain.map(async (layer) => (await stat(join(folderOf(vmId), DISK_FOLDER, layer))).uid),
    );
    expect(owners).toEqual([...chain.slice(1).map(() => 0), uid]);
    await expectCaptures(vmId);
    await host.worker.deleteVm(vmId);
  });
});
