/**
 * A database that fails in the middle of an operation, at each of its transactions and statements in turn and at each point of
 * one, on every store. When it is back, records and VMs agree by themselves, without a restart, and nothing is left on its way.
 */
import type { VmId, VmStatus } from "@fastvm/contract";
import { FastvmError } from "@fastvm/contract";
import { afterAll, describe, expect, test } from "vitest";
import type { VmRecord } from "../../store/vm-repository.ts";
import { DatabaseFaults, FAILURE_POINTS, type FailurePoint } from "../../testing/failing-dialect.ts";
import { eventually } from "../../testing/eventually.ts";
import { testApp, type TestAnswer, type TestApp } from "../../testing/test-app.ts";
import { FAILING_TEST_STORES } from "../../testing/test-stores.ts";

/** Units of work of one operation; more would mean that the count of them does not end. */
const MAX_UNITS = 60;
const NEVER_MS = 3_600_000;
/** Several run at once, each with a store of its own, since most of it is waiting: one may take as long as all of them. */
const TIMEOUT_MS = 180_000;

/** As SQLite and PostgreSQL tell it. */
const full = (): Error => Object.assign(new Error("the disk is full"), { code: "53100" });

interface World {
  readonly api: TestApp;
  readonly faults: DatabaseFaults;
  /** Runs. */
  readonly vmId: VmId;
}

interface Operation {
  readonly name: string;
  /** Without failures. */
  readonly prepare?: (world: World) => Promise<unknown>;
  readonly call: (world: World) => Promise<TestAnswer>;
}

const OPERATIONS: readonly Operation[] = [
  { name: "launch", call: ({ api }) => api.call("POST /v1/vms", { machineType: "c1m2" }) },
  {
    name: "launch that fails",
    prepare: async ({ api }) => api.worker.failNext("launch", new FastvmError("launch_failed", "why")),
    call: ({ api }) => api.call("POST /v1/vms", { machineType: "c1m2" }),
  },
  {
    name: "launch that the host has no room for",
    prepare: async ({ api }) => api.worker.failNext("launch", new FastvmError("out_of_capacity")),
    call: ({ api }) => api.call("POST /v1/vms", { machineType: "c1m2" }),
  },
  { name: "pause", call: ({ api, vmId }) => api.call(`POST /v1/vms/${vmId}/pause`) },
  {
    name: "pause that fails",
    prepare: async ({ api }) => api.worker.failNext("pause", new FastvmError("out_of_disk")),
    call: ({ api, vmId }) => api.call(`POST /v1/vms/${vmId}/pause`),
  },
  {
    name: "resume",
    prepare: ({ api, vmId }) => api.call(`POST /v1/vms/${vmId}/pause`),
    call: ({ api, vmId }) => api.call(`POST /v1/vms/${vmId}/resume`),
  },
  {
    name: "resume that fails",
    prepare: async ({ api, vmId }) => {
      await api.call(`POST /v1/vms/${vmId}/pause`);
      api.worker.failNext("resume", new FastvmError("snapshot_incompatible"));
    },
    call: ({ api, vmId }) => api.call(`POST /v1/vms/${vmId}/resume`),
  },
  { name: "snapshot", call: ({ api, vmId }) => api.call("POST /v1/snapshots", { vmId }) },
  {
    name: "snapshot that fails",
    prepare: async ({ api }) => api.worker.failNext("createSnapshot", new FastvmError("out_of_disk")),
    call: ({ api, vmId }) => api.call("POST /v1/snapshots", { vmId }),
  },
  {
    name: "restore",
    prepare: ({ api, vmId }) => api.call("POST /v1/snapshots", { vmId, name: "point" }),
    call: ({ api }) => api.call("POST /v1/vms", { snapshotId: "point" }),
  },
  { name: "fork", call: ({ api, vmId }) => api.call(`POST /v1/vms/${vmId}/fork`, { count: 2 }) },
  {
    name: "fork of which a child fails",
    prepare: async ({ api }) => api.worker.failingChildren.set(0, new FastvmError("guest_unresponsive")),
    call: ({ api, vmId }) => api.call(`POST /v1/vms/${vmId}/fork`, { count: 2 }),
  },
  { name: "delete", call: ({ api, vmId }) => api.call(`DELETE /v1/vms/${vmId}`) },
  {
    name: "delete of a snapshot",
    prepare: ({ api, vmId }) => api.call("POST /v1/snapshots", { vmId, name: "point" }),
    call: ({ api }) => api.call("DELETE /v1/snapshots/point"),
  },
];

describe.each(FAILING_TEST_STORES)("on $name", { timeout: TIMEOUT_MS }, ({ open }) => {
  let failures = 0;

  test.concurrent.each(OPERATIONS)("$name", async (operation) => {
    for (const point of FAILURE_POINTS) failures += await failEverywhere(operation, point);
  });

  test.concurrent.each(OPERATIONS)("$name, on a disk that is full", async (operation) => {
    failures += await failEverywhere(operation, "commit", full);
  });

  test.concurrent("what happens to a VM by itself", async () => {
    const dies: Operation = {
      name: "a VM dies",
      call: async (world) => {
        world.api.worker.emit({ kind: "vm_failed", vmId: world.vmId, reason: "QEMU ended" });
        return noticed(world, "error");
      },
    };
    const ends: Operation = {
      name: "its time is over",
      prepare: ({ api, vmId }) =>
        api.call(`PATCH /v1/vms/${vmId}`, { ttl: { action: "pause", seconds: 60 } }),
      call: async (world) => {
        world.api.worker.expire(world.vmId);
        return noticed(world, "paused");
      },
    };
    for (const operation of [dies, ends]) {
      for (const point of FAILURE_POINTS) failures += await failEverywhere(operation, point);
    }
  });

  // It has more units than all others together, so not at each point of them.
  test.concurrent.each(["commit", "answer"] as const)("a build, %s", async (point) => {
    const build: Operation = {
      name: "build",
      call: async ({ api, faults }) => {
        const answer = await api.call("POST /v1/builds", { dockerfileContent: "FROM debian" });
        await eventually(async () => {
          if (!faults.struck) expect(await api.store.builds.listUnfinished()).toEqual([]);
        });
        return answer;
      },
    };
    failures += await failEverywhere(build, point);
  });

  afterAll(() => {
    process.stdout.write(
      `the database failed at ${failures} places of ${OPERATIONS.length + 2} operations\n`,
    );
  });

  /** How many places there are. */
  async function failEverywhere(
    operation: Operation,
    point: FailurePoint,
    error?: () => Error,
  ): Promise<number> {
    const faults = new DatabaseFaults();
    if (error !== undefined) faults.error = error;
    const timers = { reconcileRetryMs: 5, expireEveryMs: NEVER_MS, pruneEveryMs: NEVER_MS, queueRetryMs: 5 };
    await using api = await testApp({ store: await open(faults), config: timers });
    for (let nth = 1; nth <= MAX_UNITS; nth++) {
      const vmId = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body.id as VmId;
      const world = { api, faults, vmId };
      await operation.prepare?.(world);
      const where = `${operation.name}: ${point} of unit ${nth}`;
      faults.failFrom(nth, point);
      const answer = await operation.call(world);
      const { struck } = faults;
      expect([200, 201, 202, 409, 502, 503, 507], `${where}: ${answer.text}`).toContain(answer.status);
      faults.recover();
      await eventually(() => expectAgreement(api, where));
      await removeAll(api);
      if (!struck) return nth - 1;
    }
    throw new Error(`${operation.name} has more than ${MAX_UNITS} units`);
  }
});

/** What nobody waits for is in the record, or it has met the failure. */
async function noticed({ api, faults, vmId }: World, status: VmStatus): Promise<TestAnswer> {
  await eventually(async () => {
    if (!faults.struck) expect((await api.store.vms.get(vmId))?.status).toBe(status);
  });
  return api.call(`GET /v1/vms/${vmId}`);
}

/** Whatever was answered: what the record says is what the worker has. */
async function expectAgreement(api: TestApp, where: string): Promise<void> {
  const records = await api.store.vms.listAll();
  const alive = [...api.worker.vms].filter(([, { status }]) => status !== "error");
  const recorded = records.filter(({ status }) => status !== "error");
  const lines = (entries: readonly (readonly [string, string])[]) =>
    entries.map((entry) => entry.join(" ")).toSorted();
  expect(lines(recorded.map(({ id, status }) => [id, status])), where).toEqual(
    lines(alive.map(([id, { status }]) => [id, status])),
  );
  for (const vm of records) expectSettled(vm, where);
  const snapshots = await api.store.snapshots.listAll();
  expect(snapshots.map(({ id, status }) => `${id} ${status}`).toSorted(), where).toEqual(
    [...api.worker.snapshots].map((id) => `${id} ready`).toSorted(),
  );
  expect(await api.store.quarantine.list(), where).toEqual([]);
  expect(await api.store.builds.listUnfinished(), where).toEqual([]);
}

function expectSettled(vm: VmRecord, where: string): void {
  expect(vm.queuedAt, where).toBeNull();
  if (vm.status === "running") expect(vm.statusReason, where).toBeNull();
  // Of a child that failed nobody was told.
  if (vm.status === "error") expect(vm.sourceVmId, where).toBeNull();
  if (vm.status === "paused") expect(vm.pausedAt, where).not.toBeNull();
}

async function removeAll(api: TestApp): Promise<void> {
  for (const { id } of await api.store.vms.listAll())
    // A child that ran and whose fork failed may be on its way out.
    expect([200, 404]).toContain((await api.call(`DELETE /v1/vms/${id}`)).status);
  for (const { id } of await api.store.snapshots.listAll()) await api.call(`DELETE /v1/snapshots/${id}`);
  api.worker.failingChildren.clear();
  api.worker.forgetFailures();
}
