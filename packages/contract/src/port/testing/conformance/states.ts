/** A VM goes from state to state, and is told of as what it is. */
import { expect, test } from "vitest";
import { newSnapshotId, newVmId } from "../../../model/ids.ts";
import type { VmId } from "../../../model/ids.ts";
import { CLOSED } from "../worker-lab.ts";
import type { UsageHistory } from "../../host-state.ts";
import type { PortTester } from "../worker-lab.ts";

const HOUR_MS = 3_600_000;

function usageOf({ worker }: PortTester, vmId: VmId) {
  return [() => worker.stats(vmId), () => worker.usageHistory(vmId)] as const;
}

async function expectUsage({ worker }: PortTester, vmId: VmId): Promise<void> {
  expect((await worker.stats(vmId)).disk.usedBytes).toBeGreaterThan(0);
  expectHistory(await worker.usageHistory(vmId));
}

/** Samples of an hour at most, oldest first, each of what a host can use. */
function expectHistory({ everyMs, samples }: UsageHistory): void {
  expect(everyMs).toBeGreaterThan(0);
  const instants = samples.map(({ atMs }) => atMs);
  expect(instants).toEqual(instants.toSorted((one, other) => one - other));
  expect((instants.at(-1) ?? 0) - (instants[0] ?? 0)).toBeLessThanOrEqual(HOUR_MS);
  for (const { atMs: _atMs, ...figures } of samples) {
    expect(Object.keys(figures).toSorted()).toEqual([
      "cpuPercent",
      "cpuSeconds",
      "diskBytes",
      "ownBytes",
      "residentBytes",
    ]);
    for (const figure of Object.values(figures)) expect(figure).toBeGreaterThanOrEqual(0);
  }
}

export function describeStates(tester: () => PortTester): void {
  test("a VM goes from state to state, and stays where it is told to go again", async () => {
    const vmId = await tester().launched();
    expect(await tester().found(vmId)).toMatchObject({ status: "running", generation: 1 });
    await tester().worker.resume(vmId);
    expect(await tester().found(vmId)).toMatchObject({ status: "running", generation: 1 });
    await tester().worker.pause(vmId);
    await tester().worker.pause(vmId);
    expect(await tester().found(vmId)).toMatchObject({ status: "paused", generation: 1 });
    await tester().worker.setNetworkPolicy(vmId, CLOSED);
    await tester().worker.resume(vmId);
    expect(await tester().found(vmId)).toMatchObject({ status: "running", generation: 2 });
    await tester().answers(vmId);
    await tester().worker.deleteVm(vmId);
    await tester().worker.deleteVm(vmId);
    expect(await tester().found(vmId)).toBeUndefined();
  });

  test("of a VM that is not there everybody is told so, and deletes resolve", async () => {
    const vmId = newVmId();
    const calls = [
      () => tester().worker.pause(vmId),
      () => tester().worker.resume(vmId),
      () => tester().worker.stopVm(vmId),
      () => tester().worker.startVm(vmId),
      () => tester().worker.fork(vmId, [tester().child()]),
      () => tester().worker.createSnapshot(vmId, newSnapshotId()),
      () => tester().worker.setDeadline(vmId, null),
      () => tester().worker.setNetworkPolicy(vmId, CLOSED),
      ...usageOf(tester(), vmId),
      () => tester().worker.consoleLog(vmId),
      () => tester().worker.networkReport(vmId),
      ...Object.values(tester().asks).map((ask) => () => ask(vmId)),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "not_found" });
    const missing = {
      ...tester().lab.spec(),
      source: { kind: "snapshot", snapshotId: newSnapshotId() },
    } as const;
    await expect(tester().worker.launch(missing)).rejects.toMatchObject({ code: "not_found" });
    await tester().worker.deleteVm(vmId);
    await tester().worker.deleteSnapshot(newSnapshotId());
  });

  test("of a paused VM nothing can be asked, and what is known of it is told", async () => {
    const vmId = await tester().launched();
    await tester().worker.pause(vmId);
    for (const [what, ask] of Object.entries(tester().asks))
      await expect(ask(vmId), what).rejects.toMatchObject({ code: "vm_wrong_state" });
    const deadline = tester().worker.setDeadline(vmId, { atMs: Date.now() + 1e6, action: "pause" });
    await expect(deadline).rejects.toMatchObject({ code: "vm_wrong_state" });
    await expectUsage(tester(), vmId);
    const { vms, snapshots } = await tester().worker.diskUsage({ vmIds: [vmId], snapshotIds: [] });
    expect(vms).toEqual([{ usedBytes: expect.any(Number), ownBytes: expect.any(Number) }]);
    expect(snapshots).toEqual([]);
    expect((await tester().worker.consoleLog(vmId)).console).toBeInstanceOf(Uint8Array);
    expect(await tester().worker.networkReport(vmId)).toBeUndefined();
    await tester().worker.deleteVm(vmId);
  });

  test("a deadline is the VM's until it is taken back, or the VM stops", async () => {
    const vmId = await tester().launched();
    const set = { atMs: Date.now() + 1e6, action: "pause" } as const;
    await tester().worker.setDeadline(vmId, set);
    expect(await tester().found(vmId)).toMatchObject({ deadline: set });
    await tester().worker.setDeadline(vmId, null);
    expect(await tester().found(vmId)).not.toHaveProperty("deadline");
    await tester().worker.setDeadline(vmId, set);
    await tester().worker.pause(vmId);
    expect(await tester().found(vmId)).not.toHaveProperty("deadline");
    await tester().worker.deleteVm(vmId);
  });
}
