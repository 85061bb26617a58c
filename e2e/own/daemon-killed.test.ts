import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { expectFootprint, restingFootprint, scopeOf } from "../harness/footprint.ts";
import type { Footprint } from "../harness/footprint.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { processesIn } from "../harness/processes.ts";
import type { FoundProcess } from "../harness/processes.ts";

const VMS = 10;

describe("ten VMs whose daemon is killed", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let vms: Vm[];
  let paused: Vm;
  let keeper: Vm;
  let restored: Vm;
  let memory: Memory;
  let pausedMemory: Memory;
  let before: { footprint: Footprint; processes: FoundProcess[]; pool: FoundProcess[]; rows: Vm[] };
  let execFailure: Promise<unknown>;
  let stray: ChildProcess;
  let groups: readonly string[];

  beforeAll(async () => {
    daemon = await TestDaemon.start({ poolSize: 1 });
    client = daemon.client;
    keeper = await client.vms.launch({ machineType: "c1m2", name: "keeper" });
    memory = await startKeeper(client, keeper);
    const snapshot = await client.snapshots.create({ vmId: keeper.id, name: "kept" });
    restored = await client.vms.launch({ snapshotId: snapshot.id, name: "restored" });
    paused = await client.vms.launch({ snapshotId: snapshot.id, name: "paused" });
    pausedMemory = await askKeeper(client, paused);
    await client.vms.pause(paused);
    const others = await Promise.all(
      Array.from({ length: VMS - 3 }, (_, index) =>
        client.vms.launch({ machineType: "c1m2", name: `other-${index}` }),
      ),
    );
    vms = [keeper, restored, paused, ...others];
    before = {
      footprint: await restingFootprint(daemon),
      processes: await processesUnder("vms/"),
      pool: await processesUnder("pool/"),
      rows: await client.vms.list(),
    };
    execFailure = client.vms.run(keeper, "sleep 4242 & sleep 4243").catch((error: unknown) => error);
    await sh(client, keeper, "until pgrep -f '^sleep 4243' >/dev/null; do sleep 0.05; done");
    await daemon.sigkill();
    ({ groups, child: stray } = await straysGroup(daemon.config.dataDir));
    await daemon.restart();
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function processesUnder(prefix: "vms/" | "pool/"): Promise<FoundProcess[]> {
    const all = await processesIn(daemon.config.dataDir);
    return all.filter(({ folder }) => folder.startsWith(prefix));
  }

  test("go on in the same processes, and all answer", async () => {
    expect(before.processes).toHaveLength(VMS - 1);
    expect(await processesUnder("vms/")).toEqual(before.processes);
    for (const vm of vms.filter(({ id }) => id !== paused.id)) {
      expect(await sh(client, vm, "echo here")).toBe("here");
    }
    expectContinues(await askKeeper(client, keeper), memory);
    expectContinues(await askKeeper(client, restored), memory);
  });

  test("have the same records", async () => {
    const byId = (list: readonly Vm[]): Vm[] => list.toSorted((a, b) => a.id.localeCompare(b.id));
    expect(byId(await client.vms.list())).toEqual(byId(before.rows));
    const [snapshot] = await client.snapshots.list();
    expect(snapshot?.status).toBe("ready");
  });

  test("have lost the command that ran, with all it started", async () => {
    expect(await execFailure).toBeInstanceOf(Error);
    await sh(
      client,
      keeper,
      "for i in $(seq 200); do pgrep -f '^sleep 424[23]' >/dev/null || exit 0; sleep 0.05; done; exit 1",
    );
  });

  test("leak nothing: the pool is a new one, of the same size", async () => {
    await expectFootprint(daemon, before.footprint);
    const spare = await processesUnder("pool/");
    expect(spare).toHaveLength(before.pool.length);
    expect(spare.map(({ pid }) => pid)).not.toEqual(before.pool.map(({ pid }) => pid));
  });

  test("take nobody along but what is in a group of ours and no VM's, however it hides", () => {
    expect(groups.length).toBeGreaterThan(0);
    expect(stray.signalCode).toBe("SIGKILL");
    expect(groups.filter((group) => existsSync(group))).toEqual([]);
  });

  test("can all that they could before: resume, snapshot, restore, fork, delete", async () => {
    await client.vms.resume(paused);
    expectContinues(await askKeeper(client, paused), pausedMemory);
    const snapshot = await client.snapshots.create({ vmId: restored.id });
    const again = await client.vms.launch({ snapshotId: snapshot.id });
    expectContinues(await askKeeper(client, again), memory);
    const { children } = await client.vms.fork(keeper, { count: 1 });
    expect(children[0]?.vm?.status).toBe("running");
    for (const vm of await client.vms.list()) await client.vms.delete(vm);
    for (const one of await client.snapshots.list()) await client.snapshots.delete(one);
    expect(await processesUnder("vms/")).toEqual([]);
    const end = await restingFootprint(daemon);
    expect(end.files).toEqual([]);
    expect(end.rows["vms"]).toBe(0);
    expect(end.rows["snapshots"]).toBe(0);
  });
});

/** A process as a QEMU could have made itself that was taken over: in its control group still, and known by nothing else. */
async function straysGroup(dataDir: string): Promise<{ groups: readonly string[]; child: ChildProcess }> {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  const parents = ["", "/pids", "/memory", "/cpu"].map(
    (each) => `/sys/fs/cgroup${each}/fastvm-${scopeOf(dataDir)}`,
  );
  const groups = parents.filter((parent) => existsSync(parent)).map((parent) => `${parent}/fastvm-stray`);
  for (const group of groups) {
    await mkdir(group);
    await writeFile(`${group}/cgroup.procs`, `${child.pid}`);
  }
  return { groups, child };
}
