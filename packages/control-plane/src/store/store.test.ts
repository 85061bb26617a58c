import type { WrittenInterception } from "./vm-settings.ts";
import { newOrgId, newSnapshotId, newVmId, type OrgId, type VmId } from "@fastvm/contract";
import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TEST_STORES } from "../testing/test-stores.ts";
import type { SnapshotRecord } from "./snapshot-repository.ts";
import { openSqliteStore, type Store } from "./store.ts";
import type { VmRecord } from "./vm-repository.ts";

const KEY = {
  keyHash: "h",
  createdAt: 1,
  api: "fastvm",
  name: null,
  scopes: "manage",
  expiresAt: null,
  lastUsedAt: null,
  requestsPerMinute: null,
} as const;
const LIMITS = { vcpu: 10, memoryMiB: 20_480, diskGiB: 100, snapshotCount: 3, volumeCount: 9, volumeGiB: 90 };

const INTERCEPTION: WrittenInterception = {
  tls: {
    ports: [443],
    bypass: ["*.example.test"],
    verifyUpstream: true,
    blockQuic: true,
    upstreamAuthorities: [],
    scopedAuthorities: [],
    scopedVerification: [],
    cache: { capacity: 10, validityHours: 1 },
  },
  secrets: [],
};

function vmRecord(orgId: OrgId, changes: Partial<VmRecord> = {}): VmRecord {
  return {
    id: newVmId(),
    orgId,
    name: "a vm",
    machineName: "c1m2",
    cpu: 1,
    memoryMib: 2048,
    diskGib: 10,
    status: "running",
    statusReason: null,
    sourceName: null,
    sourceSnapshotId: null,
    sourceVmId: null,
    metadata: { "k.\u0000é": "v" },
    envVars: { A: "1" },
    createdAt: 1_700_000_000_000,
    pausedAt: null,
    pauseCount: 0,
    queuedAt: null,
    network: undefined,
    services: [],
    sshKeys: [],
    autoResume: true,
    inactivityMs: 60_000,
    inactivityAction: "stop",
    guestWorkCounts: true,
    maxLifeMs: 7_200_000,
    maxLifeAction: "delete",
    autoDeleteMs: 3_600_000,
    ephemeral: true,
    cwd: "/srv",
    template: "docker.io/library/python:3.13-slim",
    templateRef: "app:v2",
    volumes: [],
    durability: "strict",
    restartPolicy: "always",
    privateTraffic: true,
    maskHost: "localhost:${PORT}",
    interception: INTERCEPTION,
    publicIpv6: null,
    generation: 1,
    ttlAction: null,
    ttlSeconds: null,
    ttlRemainingMs: null,
    expiresAt: null,
    lifeEndsAt: null,
    requestFingerprint: null,
    poolId: null,
    poolGeneration: null,
    rootSetup: null,
    startedAt: 1,
    endedAt: 4,
    lastActiveAt: 2,
    restartAt: 3,
    restartCount: 1,
    trafficTokenDigest: null,
    ...changes,
  };
}

function snapshotRecord(orgId: OrgId, changes: Partial<SnapshotRecord> = {}): SnapshotRecord {
  return {
    id: newSnapshotId(),
    orgId,
    name: "a snapshot",
    vmId: newVmId(),
    status: "ready",
    statusReason: null,
    machineName: "c1m2",
    cpu: 1,
    memoryMib: 2048,
    diskGib: 10,
    metadata: {},
    envVars: {},
    network: undefined,
    services: [],
    sshKeys: [],
    autoResume: true,
    inactivityMs: 60_000,
    inactivityAction: "stop",
    guestWorkCounts: true,
    maxLifeMs: 7_200_000,
    maxLifeAction: "delete",
    autoDeleteMs: 3_600_000,
    ephemeral: true,
    cwd: "/srv",
    template: "docker.io/library/python:3.13-slim",
    templateRef: "app:v2",
    volumes: [],
    durability: "strict",
    restartPolicy: "always",
    privateTraffic: true,
    maskHost: "localhost:${PORT}",
    interception: INTERCEPTION,
    pauseCycle: null,
    pauseMs: 12.5,
    createdAt: 1_700_000_000_000,
    labels: { of: "test" },
    integrity: { state: "a" },
    ...changes,
  };
}

describe.each(TEST_STORES)("$name", ({ open }) => {
  let store: Store;
  let orgId: OrgId;

  beforeEach(async () => {
    store = await open();
    orgId = newOrgId();
    await store.organisations.create({ id: orgId, name: "org", createdAt: 1, limits: LIMITS });
  });

  afterEach(() => store.close());

  test("a VM is read back as it was written", async () => {
    const vm = vmRecord(orgId, { pausedAt: 5, sourceName: "s", statusReason: "r", queuedAt: 7 });
    await store.vms.create(vm);
    expect(await store.vms.get(vm.id)).toEqual(vm);
    expect(await store.vms.remove(vm.id)).toEqual(vm);
    expect(await store.vms.remove(vm.id)).toBeUndefined();
    expect(await store.vms.get(vm.id)).toBeUndefined();
  });

  test("a snapshot is read back as it was written", async () => {
    const snapshot = snapshotRecord(orgId, { pauseCycle: 3, metadata: { a: "b" } });
    await store.snapshots.create(snapshot);
    expect(await store.snapshots.get(snapshot.id)).toEqual(snapshot);
    expect(await store.snapshots.findOfPause(snapshot.vmId, 3)).toEqual(snapshot);
    expect(await store.snapshots.findOfPause(snapshot.vmId, 2)).toBeUndefined();
  });

  test("a VM is found by id, unique beginning of at least 4 characters, and unique name", async () => {
    const one = vmRecord(orgId, { id: "aaaabbbb-0000-4000-8000-000000000001" as VmId, name: "one" });
    const two = vmRecord(orgId, { id: "aaaacccc-0000-4000-8000-000000000002" as VmId, name: "two" });
    const twin = vmRecord(orgId, { id: "dddddddd-0000-4000-8000-000000000003" as VmId, name: "two" });
    for (const vm of [one, two, twin]) await store.vms.create(vm);
    const found = async (reference: string) => (await store.vms.find(orgId, reference))?.id;
    expect(await found(one.id)).toBe(one.id);
    expect(await found("aaaab")).toBe(one.id);
    expect(await found("dddd")).toBe(twin.id);
    expect(await found("one")).toBe(one.id);
    for (const nothing of ["aaaa", "ddd", "two", "", "%", "aaaab%", "____", "nul\0", "AAAAB"]) {
      expect(await found(nothing), nothing).toBeUndefined();
    }
  });

  test("a name wins over the beginning of another's id", async () => {
    const named = vmRecord(orgId, { name: "beef" });
    const begun = vmRecord(orgId, { id: "beef0000-0000-4000-8000-000000000001" as VmId });
    for (const vm of [named, begun]) await store.vms.create(vm);
    expect((await store.vms.find(orgId, "beef"))?.id).toBe(named.id);
  });

  test("another organisation's VM is not found by any reference", async () => {
    const vm = vmRecord(orgId, { name: "mine" });
    await store.vms.create(vm);
    for (const reference of [vm.id, vm.id.slice(0, 8), "mine"]) {
      expect(await store.vms.find(newOrgId(), reference)).toBeUndefined();
    }
  });

  test("lists are newest first and keep the asked statuses", async () => {
    const old = vmRecord(orgId, { createdAt: 1, status: "paused" });
    const young = vmRecord(orgId, { createdAt: 2 });
    for (const vm of [old, young]) await store.vms.create(vm);
    const ids = async (statuses?: string[]) => (await store.vms.list(orgId, statuses)).map((vm) => vm.id);
    expect(await ids()).toEqual([young.id, old.id]);
    expect(await ids(["paused", "nonsense"])).toEqual([old.id]);
    expect(await ids([])).toEqual([]);
  });

  test("a status changes only from the one expected", async () => {
    const vm = vmRecord(orgId);
    await store.vms.create(vm);
    expect(await store.vms.changeStatus(vm.id, "paused", "resuming", {})).toBeUndefined();
    const changed = await store.vms.changeStatus(vm.id, "running", "pausing", { statusReason: "why" });
    expect(changed).toEqual({ ...vm, status: "pausing", statusReason: "why" });
  });

  test("usage counts what holds resources; paused and failed VMs hold none, stopped ones their disk", async () => {
    for (const status of ["running", "provisioning", "deleting", "paused", "error", "stopped"] as const) {
      await store.vms.create(vmRecord(orgId, { status }));
    }
    expect(await store.vms.usage(orgId)).toEqual({ vcpu: 3, memoryMiB: 6144, diskGiB: 40 });
    expect(await store.vms.usage(newOrgId())).toEqual({ vcpu: 0, memoryMiB: 0, diskGiB: 0 });
  });

  test("queued VMs hold their quota but no room, and come out first come first", async () => {
    const later = vmRecord(orgId, { status: "resuming", queuedAt: 20 });
    const first = vmRecord(orgId, { status: "provisioning", queuedAt: 10 });
    for (const vm of [later, first, vmRecord(orgId)]) await store.vms.create(vm);
    expect(await store.vms.promisedMemoryMib()).toBe(2048);
    expect(await store.vms.countQueued()).toBe(2);
    expect((await store.vms.listQueued(5)).map((vm) => vm.id)).toEqual([first.id, later.id]);
  });

  test("a transaction that throws changes nothing", async () => {
    const vm = vmRecord(orgId);
    const attempt = store.transaction(async (records) => {
      await records.vms.create(vm);
      throw new Error("no");
    });
    await expect(attempt).rejects.toThrow("no");
    expect(await store.vms.get(vm.id)).toBeUndefined();
  });

  test("reservations happen one after the other: 50 at once against 10 make exactly 10", async () => {
    const attempts = Array.from({ length: 50 }, () =>
      store.transaction(async (records) => {
        await records.organisations.lock(orgId);
        const limits = await records.organisations.limits(orgId);
        if ((await records.vms.usage(orgId)).vcpu >= limits.vcpu) return false;
        await records.vms.create(vmRecord(orgId));
        return true;
      }),
    );
    const outcomes = await Promise.all(attempts);
    expect(outcomes.filter(Boolean)).toHaveLength(10);
    expect(await store.vms.list(orgId, undefined)).toHaveLength(10);
  });

  test("reservations of one organisation wait for each other, and not for those of another", async () => {
    const other = newOrgId();
    await store.organisations.create({ id: other, name: "other", createdAt: 2, limits: LIMITS });
    const { promise: isHeld, resolve: held } = Promise.withResolvers<void>();
    const { promise: isReleased, resolve: release } = Promise.withResolvers<void>();
    const order: string[] = [];
    const reserve = (id: OrgId, name: string, meanwhile: () => Promise<void> = async () => undefined) =>
      store.transaction(async (records) => {
        await records.organisations.lock(id);
        await meanwhile();
        order.push(name);
      });
    const first = reserve(orgId, "first", () => (held(), isReleased));
    await isHeld;
    const second = reserve(orgId, "second");
    // An SQLite file has one writer, whoever it is for.
    if (store.kind === "postgres") await reserve(other, "another's");
    release();
    await Promise.all([first, second]);
    expect(order).toEqual([...(store.kind === "postgres" ? ["another's"] : []), "first", "second"]);
  });

  test("a key is found by its digest only, and no two keys share one", async () => {
    await store.apiKeys.create({ ...KEY, id: "1", orgId });
    expect(await store.apiKeys.findByHash("h")).toMatchObject({ id: "1", orgId });
    expect(await store.apiKeys.findByHash("g")).toBeUndefined();
    await expect(store.apiKeys.create({ ...KEY, id: "2", orgId })).rejects.toThrow(/unique/i);
  });

  test("rows that refer to no organisation are refused", async () => {
    await expect(store.vms.create(vmRecord(newOrgId()))).rejects.toThrow(/foreign key/i);
  });
});

test("the SQLite file is in WAL mode with full synchronisation and is found whole after reopening", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fastvm-store-"));
  try {
    const path = join(folder, "store.db");
    const first = await openSqliteStore(path);
    await first.organisations.create({ id: newOrgId(), name: "kept", createdAt: 1, limits: LIMITS });
    await first.close();
    const raw = new DatabaseSync(path);
    expect(raw.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    raw.close();
    const second = await openSqliteStore(path);
    expect((await second.organisations.first())?.name).toBe("kept");
    await second.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a relaxed transaction on SQLite commits or rolls back like any other, and others may run beside it", async () => {
  const store = await openSqliteStore(":memory:");
  const organisation = { id: newOrgId(), name: "relaxed", createdAt: 1, limits: LIMITS };
  await store.transaction((records) => records.organisations.create(organisation), "process");
  expect((await store.organisations.first())?.name).toBe("relaxed");
  const failing = store.transaction(async (records) => {
    await records.apiKeys.create({ ...KEY, id: "k", orgId: organisation.id });
    throw new Error("no");
  }, "process");
  await expect(failing).rejects.toThrow("no");
  expect(await store.apiKeys.findByHash("h")).toBeUndefined();
  await store.close();
});
