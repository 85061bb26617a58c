/** Compares what there is with what may be, and learns from it what is. Throws what is wrong. */
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import type { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/keeper.ts";
import type { Fleet } from "./fleet.ts";
import { findLeftovers } from "./leftovers.ts";
import type { Attempt, Effects, Fate } from "./operations.ts";
import { probe } from "./values.ts";
import type { Values } from "./values.ts";

/** Both what is under way and what a daemon clears up behind itself come to rest within it, on a busy machine too. */
const REST_DEADLINE_MS = 60_000;
const RESTING = ["running", "paused", "error"];

export interface Ended extends Attempt {
  readonly succeeded: boolean;
}

interface Survey {
  readonly client: FastvmClient;
  readonly daemon: TestDaemon;
  readonly fleet: Fleet;
  readonly ended: readonly Ended[];
  /** Whose QEMU was ended; of new VMs nobody knows the id before. */
  readonly killed: string | undefined;
  /** Whose QEMU was ended, and who may run all the same. */
  readonly doubted: string | undefined;
}

interface Found {
  readonly vms: readonly Vm[];
  readonly snapshots: readonly Snapshot[];
}

export async function survey(given: Survey): Promise<void> {
  const { client, fleet, ended } = given;
  for (const { settle } of ended) await settle?.();
  const found = await rested(given);
  const newVms = found.vms.filter(({ id }) => !fleet.members.has(id));
  const newSnapshots = found.snapshots.filter(({ id }) => !fleet.snapshots.has(id));
  judgeMembers(given, found);
  judgeNumber(
    "new VMs",
    newVms.length,
    ended.map((one) => effectsOf(one).newVms),
  );
  judgeNumber(
    "new snapshots",
    newSnapshots.length,
    ended.map((one) => effectsOf(one).newSnapshots),
  );
  judgeSnapshots(given, found);
  for (const vm of newVms) await receive(given, vm);
  await receiveSnapshots(given, newSnapshots);
  for (const vm of found.vms) if (vm.status === "error") await client.vms.delete(vm);
  await probeAll(given);
  await captureOne(given);
}

/** Nothing is under way any more, and nothing is there that the records do not account for. */
async function rested({ client, daemon, killed, doubted }: Survey): Promise<Found> {
  return await eventually(async () => {
    const [vms, snapshots] = await Promise.all([client.vms.list(), client.snapshots.list()]);
    for (const { id, status } of vms) {
      // A delete that failed is for its caller to repeat.
      if (status === "deleting") await client.vms.delete(id);
      if (id === killed && status === "running") throw new Error(`VM ${id} runs, and its QEMU was ended`);
      // Its record says so until its end is noticed.
      if (id === doubted && status === "running") await sh(client, { id }, "true");
      if (!RESTING.includes(status)) throw new Error(`VM ${id} is ${status}`);
    }
    for (const { id, status } of snapshots) {
      if (status === "deleting") await client.snapshots.delete(id);
      if (status !== "ready") throw new Error(`snapshot ${id} is ${status}`);
    }
    const leftovers = await findLeftovers(daemon, vms, snapshots);
    if (leftovers.length > 0) throw new Error(leftovers.join("\n"));
    return { vms, snapshots };
  }, REST_DEADLINE_MS);
}

function effectsOf(ended: Ended): Effects {
  return ended.succeeded ? ended.done : ended.cutShort;
}

function judgeMembers({ fleet, ended, killed }: Survey, { vms }: Found): void {
  for (const member of fleet.members.values()) {
    const vm = vms.find(({ id }) => id === member.id);
    const fates = ended.flatMap((one) => effectsOf(one).vms?.[member.id] ?? []);
    const allowed = new Set<Fate>(fates.length === 0 ? [member.status] : fates);
    if (killed === member.id) allowed.add("error");
    const fate = vm === undefined ? "gone" : (vm.status as Fate);
    if (!allowed.has(fate)) {
      const reason = vm?.statusReason === undefined ? "" : ` (${vm.statusReason})`;
      throw new Error(`VM ${member.id} is ${fate}${reason}, and should be ${[...allowed].join(" or ")}`);
    }
    if (vm !== undefined && !member.names.includes(vm.name)) {
      throw new Error(`VM ${vm.id} is named ${vm.name}, and should be ${member.names.join(" or ")}`);
    }
    if (fate === "error" && !vm?.statusReason) throw new Error(`VM ${member.id} failed without a reason`);
    if (fate === "running" || fate === "paused") {
      fleet.change(member.id, { status: fate, names: [vm?.name ?? ""] });
    } else fleet.members.delete(member.id);
  }
}

function judgeNumber(
  what: string,
  found: number,
  bounds: readonly ({ readonly atLeast: number; readonly atMost: number } | undefined)[],
): void {
  const atLeast = bounds.reduce((sum, bound) => sum + (bound?.atLeast ?? 0), 0);
  const atMost = bounds.reduce((sum, bound) => sum + (bound?.atMost ?? 0), 0);
  if (found < atLeast || found > atMost) {
    throw new Error(`there are ${found} ${what}, and should be ${atLeast} to ${atMost}`);
  }
}

function judgeSnapshots({ fleet, ended }: Survey, { snapshots }: Found): void {
  const gone = ended.flatMap((one) => effectsOf(one).goneSnapshots ?? []);
  for (const id of fleet.snapshots.keys()) {
    const isThere = snapshots.some((snapshot) => snapshot.id === id);
    const fate = gone.find((one) => one.id === id);
    if (isThere && fate?.certainly === true) throw new Error(`snapshot ${id} was deleted and is there`);
    if (!isThere && fate === undefined) throw new Error(`snapshot ${id} is gone`);
    if (!isThere) fleet.snapshots.delete(id);
  }
}

/** Joins the fleet when it is known what it holds; otherwise it only has to live. */
async function receive({ client, fleet, ended }: Survey, vm: Vm): Promise<void> {
  if (vm.status === "error") {
    if (!vm.statusReason) throw new Error(`the new VM ${vm.id} failed without a reason`);
    return;
  }
  const values = valuesOfNew(fleet, ended, vm);
  if (values !== undefined) {
    fleet.join(vm, await probe(client, vm.id, values));
    return;
  }
  await sh(client, vm, "true");
  await client.vms.delete(vm);
}

function valuesOfNew(fleet: Fleet, ended: readonly Ended[], vm: Vm): Values | undefined {
  if (vm.sourceSnapshotId !== undefined) {
    const source = fleet.snapshots.get(vm.sourceSnapshotId);
    if (source !== undefined) return source;
  }
  return vm.sourceVmId === undefined
    ? undefined
    : ended.find(({ about }) => about.includes(vm.sourceVmId ?? ""))?.values;
}

/** Of many, the first and the last say what the others would: each restore takes a second. */
async function receiveSnapshots(given: Survey, all: readonly Snapshot[]): Promise<void> {
  const [first, ...rest] = all.toSorted((one, other) => one.createdAt.localeCompare(other.createdAt));
  const chosen = [first, rest.pop()].filter((snapshot) => snapshot !== undefined);
  for (const snapshot of chosen) await receiveSnapshot(given, snapshot);
  for (const snapshot of rest) await given.client.snapshots.delete(snapshot);
}

async function receiveSnapshot({ client, fleet, ended }: Survey, snapshot: Snapshot): Promise<void> {
  const values = ended.find(({ about }) => about.includes(snapshot.vmId))?.values;
  if (values === undefined)
    throw new Error(`snapshot ${snapshot.id} is of VM ${snapshot.vmId}, which nobody captured`);
  const vm = await client.vms.launch({ snapshotId: snapshot.id });
  const certain = await probe(client, vm.id, values);
  // Its counter has gone on since.
  fleet.snapshots.set(snapshot.id, { ...certain, memory: values.memory });
  await client.vms.delete(vm);
}

/** Those that run, and those that were paused by what was done. */
async function probeAll({ client, fleet, ended }: Survey): Promise<void> {
  const touched = new Set(ended.flatMap(({ about }) => about));
  for (const { id } of fleet.withStatus("paused").filter((member) => touched.has(member.id))) {
    await client.vms.resume({ id });
    fleet.change(id, { status: "running" });
  }
  await Promise.all(
    fleet.withStatus("running").map(async ({ id, values }) => {
      try {
        fleet.change(id, { values: await probe(client, id, values) });
      } catch (error) {
        throw new Error(`VM ${id}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }),
  );
}

/** Above all one that was just worked on: whatever was half done, it can be captured again. */
async function captureOne({ client, fleet, ended }: Survey): Promise<void> {
  const running = fleet.withStatus("running");
  const touched = running.filter(({ id }) => ended.some(({ about }) => about.includes(id)));
  const chosen = touched.length > 0 ? touched : running.slice(0, 1);
  for (const { id } of chosen) await client.snapshots.delete(await client.snapshots.create({ vmId: id }));
}
