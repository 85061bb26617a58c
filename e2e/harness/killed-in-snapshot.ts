/** Tests of a VM whose daemon is killed at each of some steps of a snapshot. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StepName } from "@fastvm/contract";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "./daemon.ts";
import { askKeeper, expectContinues, startKeeper } from "./guest.ts";
import type { Memory } from "./guest.ts";
import { Steps } from "./steps.ts";

export function describeKilledAt(where: readonly StepName[]): void {
  describe("a VM whose daemon is killed in a snapshot", () => {
    let steps: Steps;
    let daemon: TestDaemon;
    let client: FastvmClient;
    let vm: Vm;
    let memory: Memory;

    beforeAll(async () => {
      steps = await Steps.make();
      daemon = await TestDaemon.start({ poolSize: 0, settings: { stepsFolder: steps.folder } });
      client = daemon.client;
      vm = await client.vms.launch({ machineType: "c1m2" });
      memory = await startKeeper(client, vm);
    });

    afterAll(async () => {
      await daemon[Symbol.asyncDispose]();
      await steps.remove();
    });

    async function killAt(step: StepName): Promise<void> {
      await steps.order({ step, effect: "kill" });
      await expect(client.snapshots.create({ vmId: vm.id })).rejects.toThrow();
      await daemon.ended();
      await steps.clear();
      await daemon.restart();
    }

    test.each(where)("at %s: it runs on, and the next snapshot is whole", async (step) => {
      await killAt(step);
      expectContinues(await askKeeper(client, vm), memory);
      const snapshot = await client.snapshots.create({ vmId: vm.id });
      const clone = await client.vms.launch({ snapshotId: snapshot.id });
      expectContinues(await askKeeper(client, clone), memory);
      await client.vms.delete(clone);
      for (const one of await client.snapshots.list()) {
        expect(one.status).toBe("ready");
        await client.snapshots.delete(one);
      }
    });
  });
}
