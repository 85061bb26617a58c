/** A delete does not wait for a start that gets nowhere. */
import { expect, test } from "vitest";
import { expectPending } from "../worker-lab.ts";
import type { PortTester } from "../worker-lab.ts";

/** It also ends by itself, at the worker's own deadline; that is not why. */
const DELETED = { code: "launch_failed", message: expect.stringContaining("it was deleted") };

export function describeCutShort(tester: () => PortTester): void {
  test("a launch that gets nowhere ends with the delete of its VM, and leaves nothing", async () => {
    const spec = tester().lab.spec();
    await using start = tester().lab.hangStart(spec.vmId);
    const launch = tester().worker.launch(spec);
    await Promise.race([start.hangs, launch]);
    await expectPending(launch);
    await tester().worker.deleteVm(spec.vmId);
    await expect(launch).rejects.toMatchObject(DELETED);
    expect(await tester().found(spec.vmId)).toBeUndefined();
  });

  test("so does a resume", async () => {
    const vmId = await tester().launched();
    await tester().worker.pause(vmId);
    await using start = tester().lab.hangStart(vmId);
    const resume = tester().worker.resume(vmId);
    await Promise.race([start.hangs, resume]);
    await expectPending(resume);
    await tester().worker.deleteVm(vmId);
    await expect(resume).rejects.toMatchObject(DELETED);
    expect(await tester().found(vmId)).toBeUndefined();
  });

  test("so does a fork's child, without its brothers", async () => {
    const vmId = await tester().launched();
    const children = [tester().child(), tester().child()] as const;
    await using start = tester().lab.hangStart(children[0].vmId);
    const forked = tester().worker.fork(vmId, children);
    await Promise.race([start.hangs, forked]);
    await expectPending(forked);
    await tester().worker.deleteVm(children[0].vmId);
    expect((await forked).children).toMatchObject([{ ok: false, error: DELETED }, { ok: true }]);
    expect(await tester().found(children[0].vmId)).toBeUndefined();
    expect(await tester().found(children[1].vmId)).toMatchObject({ status: "running" });
    for (const id of [vmId, children[1].vmId]) await tester().worker.deleteVm(id);
  });
}
