/** A guest that keeps silent, a QEMU that stands still and tools that hang hold up nobody who no longer waits. */
import { expect, test } from "vitest";
import { newSnapshotId } from "../../../model/ids.ts";
import { caller, eventually, expectPending, ONE_RULE, OPEN } from "../worker-lab.ts";
import type { PortTester } from "../worker-lab.ts";

/** Of a command; the worker then gives the guest some seconds to end it. */
const SHORT_MS = 100;

export function describeSilence(tester: () => PortTester): void {
  describeMuteGuest(tester);
  describeStillQemu(tester);
  describeHungTools(tester);
}

function describeMuteGuest(tester: () => PortTester): void {
  test("who asks a silent guest is free to go, and it is captured and deleted as it is", async () => {
    const vmId = await tester().launched();
    const snapshotId = newSnapshotId();
    {
      await using _mute = await tester().lab.muteGuest(vmId);
      const { reason, signal, leave } = caller();
      const asked = Object.values(tester().asks).map((ask) => ask(vmId, { signal }));
      await Promise.all(asked.map(expectPending));
      leave();
      for (const outcome of asked) await expect(outcome).rejects.toBe(reason);
      await tester().worker.createSnapshot(vmId, snapshotId);
    }
    await tester().answers(vmId);
    // The answer to the one that was aborted may still be under way.
    const again = () => tester().worker.mapToLoopback(vmId, tester().lab.apiTarget);
    expect(await eventually(again)).toBe(true);
    await tester().worker.setAuthorizedKeys(vmId, []);
    await tester().worker.deleteSnapshot(snapshotId);
    {
      await using _mute = await tester().lab.muteGuest(vmId);
      await tester().worker.deleteVm(vmId);
    }
    expect(await tester().found(vmId)).toBeUndefined();
  });
}

function describeStillQemu(tester: () => PortTester): void {
  test.each(["pause", "createSnapshot", "fork"] as const)(
    "a %s of a QEMU that stands still holds up nobody, and ends with the VM",
    async (capture) => {
      const vmId = await tester().launched();
      const snapshotId = newSnapshotId();
      const child = tester().child();
      await using _stopped = await tester().lab.stopQemu(vmId);
      const captured = {
        pause: () => tester().worker.pause(vmId),
        createSnapshot: () => tester().worker.createSnapshot(vmId, snapshotId),
        fork: () => tester().worker.fork(vmId, [child]),
      }[capture]();
      // By then it has the VM to itself.
      await expectPending(captured);
      const { reason, signal, leave } = caller();
      const options = { signal };
      const waiting = [
        tester().worker.setNetworkPolicy(vmId, OPEN, options),
        tester().asks.setAuthorizedKeys(vmId, options),
      ];
      await Promise.all(waiting.map(expectPending));
      leave();
      for (const outcome of waiting) await expect(outcome).rejects.toBe(reason);
      expect(await tester().worker.stats(vmId)).toHaveProperty("disk");
      const log = tester().worker.consoleLog(vmId);
      await tester().worker.deleteVm(vmId);
      await expect(captured).rejects.toMatchObject({ code: "vm_died" });
      expect((await log).console).toBeInstanceOf(Uint8Array);
      for (const id of [vmId, child.vmId]) expect(await tester().found(id)).toBeUndefined();
      expect((await tester().worker.inventory()).snapshots).not.toContain(snapshotId);
    },
  );

  test("a command whose time is over while its guest keeps silent ends without it", async () => {
    const vmId = await tester().launched();
    {
      await using _stopped = await tester().lab.stopQemu(vmId);
      const late = tester().output(vmId, ["true"], {}, SHORT_MS);
      await expect(late).rejects.toMatchObject({ code: "guest_unresponsive" });
    }
    await tester().answers(vmId);
    await tester().worker.deleteVm(vmId);
  });
}

function describeHungTools(tester: () => PortTester): void {
  test("who changes a policy while the host's tools hang is free to go, and the next policy is in force", async () => {
    const { hangNetworkTools } = tester().lab;
    if (hangNetworkTools === undefined) return;
    const vmId = await tester().launched();
    {
      await using _hung = await hangNetworkTools();
      const { reason, signal, leave } = caller();
      const change = tester().worker.setNetworkPolicy(vmId, OPEN, { signal });
      await expectPending(change);
      leave();
      await expect(change).rejects.toBe(reason);
    }
    await tester().worker.setNetworkPolicy(vmId, ONE_RULE);
    expect((await tester().worker.networkReport(vmId))?.rules.egress).toHaveLength(1);
    await tester().worker.deleteVm(vmId);
  });
}
