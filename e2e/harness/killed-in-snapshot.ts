/** Tests of a VM whose daemon is killed at each of some steps of a snapshot, of which a run has a part. */
import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StepName } from "@fastvm/contract";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "./guest.ts";
import type { Memory } from "./guest.ts";
import { seededRandom } from "./seeded-random.ts";
import { Steps } from "./steps.ts";

/** Has a file of a volume open, and says in memory of its own how often it has written to it. */
const WRITER = `
import os, time
log = os.open("/mnt/data/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
said = os.open("/dev/shm/written", os.O_WRONLY | os.O_CREAT)
count = 0
while True:
    count += 1
    os.write(log, b"%d\\n" % count)
    os.fsync(log)
    os.pwrite(said, b"%8d" % count, 0)
    time.sleep(0.05)
`;
const WRITE_DEADLINE_MS = 60_000;

/** Run again with FASTVM_TEST_SEED to kill at the same steps. */
const SEED = Number(process.env["FASTVM_TEST_SEED"] || randomInt(2 ** 31));
/** One of so many; FASTVM_TEST_STEPS=all has a daemon killed at each of them. */
const ONE_OF = process.env["FASTVM_TEST_STEPS"] === "all" ? 1 : 2;

export function describeKilledAt(all: readonly StepName[]): void {
  const first = Math.floor(seededRandom(SEED)() * ONE_OF);
  const where = all.filter((_step, at) => at % ONE_OF === first);
  describe(`a VM whose daemon is killed in a snapshot (seed ${SEED})`, () => {
    let steps: Steps;
    let daemon: TestDaemon;
    let client: FastvmClient;
    let vm: Vm;
    let memory: Memory;

    beforeAll(async () => {
      steps = await Steps.make();
      daemon = await TestDaemon.start({ poolSize: 0, settings: { stepsFolder: steps.folder } });
      client = daemon.client;
      const { id: volumeId } = await client.volumes.create({ name: "written", sizeGiB: 1 });
      vm = await client.vms.launch({ machineType: "c1m2", volumes: [{ volumeId, mountPath: "/mnt/data" }] });
      memory = await startKeeper(client, vm);
      await sh(client, vm, `python3 -c '${WRITER}' >/dev/shm/failed 2>&1 &`);
      await expectWrites(vm);
    });

    afterAll(async () => {
      await daemon[Symbol.asyncDispose]();
      await steps.remove();
    });

    async function written(one: Vm): Promise<number> {
      const said = await sh(client, one, "cat /dev/shm/failed /dev/shm/written");
      expect(said).toMatch(/^ *\d+$/);
      return Number(said);
    }

    async function expectWrites(one: Vm): Promise<void> {
      const before = await eventually(() => written(one), WRITE_DEADLINE_MS);
      await eventually(async () => expect(await written(one)).toBeGreaterThan(before), WRITE_DEADLINE_MS);
    }

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
      await expectWrites(vm);
      const snapshot = await client.snapshots.create({ vmId: vm.id });
      const clone = await client.vms.launch({ snapshotId: snapshot.id });
      expectContinues(await askKeeper(client, clone), memory);
      await expectWrites(clone);
      await client.vms.delete(clone);
      for (const one of await client.snapshots.list()) {
        expect(one.status).toBe("ready");
        await client.snapshots.delete(one);
      }
    });
  });
}
