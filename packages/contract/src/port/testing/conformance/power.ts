/** A VM is stopped and started like a machine. */
import { expect, test } from "vitest";
import { CLOSED } from "../worker-lab.ts";
import type { PortTester } from "../worker-lab.ts";

export function describePower(tester: () => PortTester): void {
  test("a VM is stopped and started as often as one likes, under its id and address", async () => {
    const vmId = await tester().launched();
    const { publicIpv6 } = (await tester().found(vmId)) ?? {};
    await expect(tester().worker.startVm(vmId)).resolves.toMatchObject({ durationMs: expect.any(Number) });
    expect(await tester().found(vmId)).toMatchObject({ status: "running", generation: 1 });
    await tester().worker.setDeadline(vmId, { atMs: Date.now() + 1e6, action: "pause" });
    expect(await tester().worker.stopVm(vmId, { graceMs: 0 })).toMatchObject({ isForced: true });
    expect(await tester().worker.stopVm(vmId)).toMatchObject({ reason: expect.any(String) });
    const stopped = await tester().found(vmId);
    expect(stopped).toMatchObject({ status: "stopped", generation: 1, reason: expect.any(String) });
    expect(stopped).not.toHaveProperty("deadline");
    expect(stopped?.publicIpv6).toBe(publicIpv6);
    for (const [what, ask] of Object.entries(tester().asks))
      await expect(ask(vmId), what).rejects.toMatchObject({ code: "vm_wrong_state" });
    expect((await tester().worker.stats(vmId)).disk.usedBytes).toBeGreaterThan(0);
    expect((await tester().worker.consoleLog(vmId)).console).toBeInstanceOf(Uint8Array);
    await tester().worker.setNetworkPolicy(vmId, CLOSED);
    await tester().worker.startVm(vmId, { generation: 7 });
    const started = await tester().found(vmId);
    expect(started).toMatchObject({ status: "running", generation: 7 });
    expect(started).not.toHaveProperty("reason");
    expect(started?.publicIpv6).toBe(publicIpv6);
    await tester().answers(vmId);
    await tester().worker.stopVm(vmId, { graceMs: 0 });
    await tester().worker.deleteVm(vmId);
    expect(await tester().found(vmId)).toBeUndefined();
  });

  test("a paused VM is neither stopped nor started", async () => {
    const vmId = await tester().launched();
    await tester().worker.pause(vmId);
    await expect(tester().worker.stopVm(vmId)).rejects.toMatchObject({ code: "vm_wrong_state" });
    await expect(tester().worker.startVm(vmId)).rejects.toMatchObject({ code: "vm_wrong_state" });
    await tester().worker.deleteVm(vmId);
  });
}
