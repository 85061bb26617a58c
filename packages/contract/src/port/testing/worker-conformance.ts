/**
 * What every worker must do that stands behind the port, with VMs or without, here or in
 * another process. The port's comments are the promise, and these are its tests: an abort and a
 * delete above all, while a guest keeps silent, a QEMU stands still, or the host's tools hang.
 */
import { afterAll, beforeAll, describe } from "vitest";
import { describeCaptures } from "./conformance/captures.ts";
import { describeCutShort } from "./conformance/cut-short.ts";
import { describeFiles } from "./conformance/files.ts";
import { describeExecs } from "./conformance/execs.ts";
import { describeGuest } from "./conformance/guest.ts";
import { describeSilence } from "./conformance/silence.ts";
import { describePower } from "./conformance/power.ts";
import { describeVolumes } from "./conformance/volumes.ts";
import { describeStates } from "./conformance/states.ts";
import { PortTester } from "./worker-lab.ts";
import type { WorkerLab } from "./worker-lab.ts";

export type { HungStart, WorkerLab } from "./worker-lab.ts";

export function describeWorker(name: string, open: () => Promise<WorkerLab>): void {
  describe(`${name} keeps the port's promises`, () => {
    let lab: WorkerLab;
    let opened: PortTester;
    const tester = (): PortTester => opened;

    beforeAll(async () => {
      lab = await open();
      opened = new PortTester(lab);
    });

    afterAll(async () => {
      await lab[Symbol.asyncDispose]();
    });

    describeStates(tester);
    describePower(tester);
    describeCaptures(tester);
    describeGuest(tester);
    describeFiles(tester);
    describeVolumes(tester);
    describeExecs(tester);
    describeSilence(tester);
    describeCutShort(tester);
  });
}
