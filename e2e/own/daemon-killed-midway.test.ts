import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { within } from "../harness/eventually.ts";
import { expectFootprint, restingFootprint } from "../harness/footprint.ts";
import type { Footprint } from "../harness/footprint.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { seededRandom } from "../harness/seeded-random.ts";

/** Run again with FASTVM_TEST_SEED to kill at the same moments; FASTVM_TEST_ROUNDS asks for more of them. */
const SEED = Number(process.env["FASTVM_TEST_SEED"] || randomInt(2 ** 31));
const ROUNDS_PER_OPERATION = Number(process.env["FASTVM_TEST_ROUNDS"] || 1);
const MAX_DELAY_MS = 800;
const ANSWER_DEADLINE_MS = 30_000;

interface Scene {
  readonly client: FastvmClient;
  readonly running: Vm;
  readonly paused: Vm;
}

interface Operation {
  readonly name: string;
  readonly start: (scene: Scene) => Promise<unknown>;
  /** Which of the two VMs it may end. */
  readonly mayEnd?: (scene: Scene) => Vm;
}

const OPERATIONS: readonly Operation[] = [
  { name: "launch", start: ({ client }) => client.vms.launch({ machineType: "c1m2" }) },
  { name: "snapshot", start: ({ client, running }) => client.snapshots.create({ vmId: running.id }) },
  { name: "pause", start: ({ client, running }) => client.vms.pause(running) },
  { name: "resume", start: ({ client, paused }) => client.vms.resume(paused) },
  { name: "fork", start: ({ client, running }) => client.vms.fork(running, { count: 2 }) },
  {
    name: "delete",
    start: ({ client, running }) => client.vms.delete(running),
    mayEnd: ({ running }) => running,
  },
];

describe(`a daemon that is killed in the middle (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  let daemon: TestDaemon;
  let client: FastvmClient;
  let point: Snapshot;
  let memory: Memory;
  let baseline: Footprint;

  beforeAll(async () => {
    daemon = await TestDaemon.start({ poolSize: 1 });
    client = daemon.client;
    const source = await client.vms.launch({ machineType: "c1m2" });
    memory = await startKeeper(client, source);
    point = await client.snapshots.create({ vmId: source.id, name: "point" });
    await client.vms.delete(source);
    baseline = await restingFootprint(daemon);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  for (let round = 0; round < ROUNDS_PER_OPERATION; round++) {
    for (const operation of OPERATIONS) {
      // Squared: most of the work is done in the first half of the time.
      const delayMs = Math.floor(MAX_DELAY_MS * random() ** 2);
      test(`of a ${operation.name}, after ${delayMs} ms`, () => killDuring(operation, delayMs));
    }
  }

  async function killDuring(operation: Operation, delayMs: number): Promise<void> {
    const scene = await setScene();
    const work = operation.start(scene).catch(() => undefined);
    await sleep(delayMs);
    await daemon.sigkill();
    await work;
    await daemon.restart();
    const [vms, snapshots] = await Promise.all([client.vms.list(), client.snapshots.list()]);
    const ended = operation.mayEnd?.(scene).id;
    for (const { id } of [scene.running, scene.paused].filter((vm) => vm.id !== ended)) {
      const vm = vms.find((one) => one.id === id);
      expect(vm?.status, vm?.statusReason).toMatch(/^(running|paused)$/);
    }
    for (const vm of vms) await expectWhole(vm);
    for (const snapshot of snapshots) await expectRestores(snapshot);
    await deleteAll();
    await expectFootprint(daemon, baseline);
  }

  async function setScene(): Promise<Scene> {
    const [running, paused] = await Promise.all([
      client.vms.launch({ snapshotId: point.id }),
      client.vms.launch({ snapshotId: point.id }),
    ]);
    await client.vms.pause(paused);
    return { client, running, paused };
  }

  /** Running or paused and in either case alive, or failed with a reason; never in between. */
  async function expectWhole(vm: Vm): Promise<void> {
    if (vm.status === "error") {
      expect(vm.statusReason).toBeTruthy();
      return;
    }
    expect(vm.status).toMatch(/^(running|paused)$/);
    if (vm.status === "paused") await client.vms.resume(vm);
    await within(ANSWER_DEADLINE_MS, `the answer of VM ${vm.id}`, expectAnswer(vm));
  }

  /** All but the one that was launched from a machine type go on from `point`. */
  async function expectAnswer(vm: Vm): Promise<void> {
    if (vm.sourceName === undefined) await sh(client, vm, "true");
    else expectContinues(await askKeeper(client, vm), memory);
  }

  async function expectRestores(snapshot: Snapshot): Promise<void> {
    expect(snapshot.status).toBe("ready");
    const vm = await client.vms.launch({ snapshotId: snapshot.id });
    expectContinues(await askKeeper(client, vm), memory);
  }

  /** All but `point`. */
  async function deleteAll(): Promise<void> {
    await Promise.all((await client.vms.list()).map((vm) => client.vms.delete(vm)));
    for (const one of await client.snapshots.list()) {
      if (one.id !== point.id) await client.snapshots.delete(one);
    }
  }
});
