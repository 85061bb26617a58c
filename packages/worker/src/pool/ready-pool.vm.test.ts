import { existsSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { hookSteps } from "@fastvm/contract";
import { Cgroups } from "../host/cgroups.ts";
import { UidAllocator } from "../host/uid-allocator.ts";
import { nothingMapped } from "../memory/mapping.ts";
import { identifyProcess } from "../processes/proc.ts";
import { keepInstalledQemu, linkQemu } from "../qemu/qemu-set.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import { setOf } from "../snapshot/set-of.ts";
import { testQemu } from "../testing/bare-slot.ts";
import type { ReadyPool } from "./ready-pool.ts";
import { openSlotPool } from "./slot-pool.ts";
import { closeSlot, openSlot } from "./slot.ts";
import type { Slot, SlotHost } from "./slot.ts";

const MEMORY_MIB = 64;
const WAIT = { timeout: 20_000, interval: 20 };
/** As long as a group that cannot be removed at once is tried for. */
const GROUP_WAIT = { ...WAIT, timeout: 60_000 };

let root: string;
let host: SlotHost;
let pool: ReadyPool<Slot>;
let template: Snapshot;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fastvm-pool-"));
  await using memory = await open(join(root, "memory"), "wx", 0o444);
  await memory.truncate(MEMORY_MIB * 1024 * 1024);
  // All that the pool reads of a template.
  const machine = { name: "c1m0", cpu: 1, memoryMib: MEMORY_MIB };
  const { program, ...qemuHost } = await testQemu();
  const qemu = await keepInstalledQemu(program, join(root, "store"));
  await linkQemu(qemu.holder, root);
  template = {
    folder: root,
    manifest: { machine, diskGib: 1, compatibility: { qemu } } as unknown as Snapshot["manifest"],
  };
  host = {
    qemuHost,
    uids: new UidAllocator(1_810_000),
    cgroups: await Cgroups.open(`pool-test-${process.pid}`),
    network: undefined,
  };
  pool = openSlotPool({
    host,
    accelerator: "tcg",
    folder: join(root, "pool"),
    size: 1,
    maxSize: 1,
    memoryMib: 1000,
    onError: (error) => expect.unreachable(String(error)),
  });
  await pool.serve(template);
});

afterEach(async () => {
  await pool.close();
  await host.cgroups.close();
  await rm(root, { recursive: true, force: true });
});

test("a slot that was taken is replaced once the restore is over, and not before", async () => {
  expect(pool.ready).toBe(1);
  await pool.during(async () => {
    const slot = await pool.take(template);
    if (slot === undefined) throw new Error("the full pool gave no slot");
    await sleep(1_000);
    expect(pool.ready).toBe(0);
    await closeSlot(host, slot);
  });
  await vi.waitFor(() => expect(pool.ready).toBe(1), WAIT);
});

test("a restore that fails does not keep the pool empty", async () => {
  const failed = pool.during(async () => {
    const slot = await pool.take(template);
    if (slot !== undefined) await closeSlot(host, slot);
    throw new Error("the guest did not answer");
  });
  await expect(failed).rejects.toThrow("did not answer");
  await vi.waitFor(() => expect(pool.ready).toBe(1), WAIT);
});

test("a state of another QEMU takes no waiting process, whatever memory it shares", async () => {
  const { manifest } = template;
  const { qemu } = manifest.compatibility;
  const compatibility = { ...manifest.compatibility, qemu: { ...qemu, digest: "another" } };
  expect(await pool.take({ ...template, manifest: { ...manifest, compatibility } })).toBeUndefined();
  expect(pool.ready).toBe(1);
});

test("a slot that fails after its QEMU was started leaves no process, folder or group", async () => {
  const slot = await pool.take(template);
  if (slot === undefined) throw new Error("the full pool gave no slot");
  await closeSlot(host, slot);
  let started: readonly number[] = [];
  const unhook = hookSteps(async (name) => {
    if (name !== "slot.started") return;
    const groups = await host.cgroups.list();
    started = (await Promise.all(groups.map((group) => host.cgroups.processesOf(group)))).flat();
    throw new Error("the disk is full");
  });
  try {
    const folder = join(root, "pool", "failing");
    const machine = { machine: template.manifest.machine, accelerator: "tcg" } as const;
    const memory = join(root, "memory");
    const pages = nothingMapped(template.manifest.machine.memoryMib);
    const request = { folder, machine, diskGib: 1, memory, pages, qemu: setOf(template) };
    await expect(openSlot(host, request)).rejects.toThrow("the disk is full");
    expect(started).not.toEqual([]);
    for (const pid of started) expect(await identifyProcess(pid)).toBeUndefined();
    expect(existsSync(folder)).toBe(false);
    await vi.waitFor(async () => expect(await host.cgroups.list()).toEqual([]), GROUP_WAIT);
  } finally {
    unhook();
  }
});
