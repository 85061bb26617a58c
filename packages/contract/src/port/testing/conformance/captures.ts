/** What captures make outlives what they were made of. */
import { expect, test } from "vitest";
import { newSnapshotId } from "../../../model/ids.ts";
import type { PortTester } from "../worker-lab.ts";

export function describeCaptures(tester: () => PortTester): void {
  test("snapshots are made of running and of paused VMs, outlive them, and make new ones", async () => {
    const [running, paused] = [newSnapshotId(), newSnapshotId()];
    const vmId = await tester().launched();
    await tester().worker.createSnapshot(vmId, running);
    expect(await tester().found(vmId)).toMatchObject({ status: "running" });
    await tester().worker.pause(vmId);
    await tester().worker.createSnapshot(vmId, paused);
    await tester().worker.deleteVm(vmId);
    expect((await tester().worker.inventory()).snapshots).toEqual(expect.arrayContaining([running, paused]));
    const before = await tester().worker.digestSnapshot(paused);
    expect(Object.values(before)).toContainEqual(expect.stringMatching(/^[0-9a-f]{64}$/));
    const spec = { ...tester().lab.spec(), source: { kind: "snapshot", snapshotId: paused } } as const;
    await tester().worker.launch(spec);
    // What goes on from it changes nothing of it.
    expect(await tester().worker.digestSnapshot(paused)).toEqual(before);
    await tester().worker.deleteSnapshot(running);
    await expect(tester().worker.digestSnapshot(running)).rejects.toMatchObject({ code: "not_found" });
    await tester().worker.deleteSnapshot(paused);
    expect((await tester().worker.inventory()).snapshots).toEqual([]);
    await tester().answers(spec.vmId);
    await tester().worker.deleteVm(spec.vmId);
  });

  test("a fork has one outcome per child, in their order", async () => {
    const vmId = await tester().launched();
    const children = [tester().child(), tester().child()];
    const result = await tester().worker.fork(vmId, children);
    expect(result.children).toMatchObject(children.map((one) => ({ vmId: one.vmId, ok: true })));
    for (const id of [vmId, ...children.map((one) => one.vmId)]) {
      expect(await tester().found(id)).toMatchObject({ status: "running" });
      await tester().worker.deleteVm(id);
    }
  });
}
