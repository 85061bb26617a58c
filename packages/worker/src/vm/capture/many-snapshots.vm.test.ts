/** Snapshots of one busy VM, one after the other: what each costs, and what comes free when some of them go. */
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { newSnapshotId, newVmId } from "@fastvm/contract";
import type { SnapshotId, VmId } from "@fastvm/contract";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { seededRandom } from "../../guest-link/seeded-random.ts";
import type { MappedPages } from "../../memory/mapping.ts";
import { countPages } from "../../memory/page-map.ts";
import { bytesOf } from "../../memory/pages-helper.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import { openMemory, verifyPages } from "../../snapshot/memory.ts";
import { templateSpec, TestWorker } from "../../testing/test-worker.ts";

/** More than a VM has page files, or layers, before they are merged. */
const SNAPSHOTS = 20;
const MIB = 1024 ** 2;
/** Before a merge, and the one of the capture that comes between two. */
const MAX_FILES = 16 + 1;
/** Of page files, whatever is alive; see memory/merge-pages.ts. */
const DEAD_ALLOWED_BYTES = 16 * MIB;
/** The guest writes to eight, up to four times in the rounds of a capture, and is a whole Linux besides. */
const MAX_COPIED_BYTES = 64 * MIB;
/** As many as a process may have mapped over its base. */
const MAX_EXTENTS = 8192;
/** Of a process: its threads and coroutines have stacks of their own. The kernel allows 65,530. */
const MAX_MAPPINGS = 2048;
const BLOCK_BYTES = 512;
const WAIT = { timeout: 30_000, interval: 100 };
const WRITE_ON = `python3 -c '
import random
memory = bytearray(8 << 20)
while True: memory[random.randrange(len(memory))] = random.randrange(256)
' >/dev/null 2>&1 & echo $! > /root/writer`;
const IS_WRITING = "kill -0 $(cat /root/writer) && echo yes";

let host: TestWorker;
let vmId: VmId;
let namesBefore: ReadonlySet<string>;
let snapshots: SnapshotId[] = [];

beforeAll(async () => {
  host = await TestWorker.start();
  namesBefore = new Set(await namesIn(host.dataDir));
  vmId = await host.launch();
  await host.sh(vmId, WRITE_ON);
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
  expect(host.errors).toEqual([]);
});

interface FileOnDisk {
  readonly bytes: number;
  readonly links: number;
  /** Its names in the data folder. */
  readonly names: string[];
}

async function filesOf(folder: string): Promise<ReadonlyMap<number, FileOnDisk>> {
  const files = new Map<number, FileOnDisk>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { ino, blocks, nlink } = await lstat(path);
    if (entry.isDirectory()) continue;
    const file = files.get(ino) ?? { bytes: blocks * BLOCK_BYTES, links: nlink, names: [] };
    file.names.push(path);
    files.set(ino, file);
  }
  return files;
}

function bytesOnDisk(files: ReadonlyMap<number, FileOnDisk>): number {
  return [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

function folderOf(snapshotId: SnapshotId): string {
  return join(host.dataDir, "snapshots", snapshotId);
}

/** With every byte of its page files read. */
async function memoryOf(snapshotId: SnapshotId): Promise<MappedPages> {
  const snapshot = await openSnapshot(folderOf(snapshotId));
  if (snapshot === undefined) throw new Error(`${snapshotId} is gone`);
  await verifyPages(snapshot);
  return (await openMemory(snapshot)).memory;
}

async function namesIn(folder: string): Promise<string[]> {
  return [...(await filesOf(folder)).values()].flatMap(({ names }) => names);
}

async function processOf(id: VmId): Promise<number> {
  const text = await readFile(join(host.dataDir, "vms", id, "journal.json"), "utf8");
  return (JSON.parse(text) as { process: { pid: number } }).process.pid;
}

/** Also those that have no name any more. */
async function openLayersOf(id: VmId): Promise<readonly string[]> {
  const folder = `/proc/${await processOf(id)}/fd`;
  const links = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd))));
  return links.filter((link) => link.includes(`/${DISK_FOLDER}/`));
}

/** All of the VM's process, and those of its memory. */
async function mappingsOf(id: VmId): Promise<{ readonly all: number; readonly memory: number }> {
  const lines = (await readFile(`/proc/${await processOf(id)}/maps`, "latin1")).split("\n");
  return { all: lines.length, memory: lines.filter((line) => /\/(memory$|pages\/)/.test(line)).length };
}

test("each costs what the guest wrote meanwhile, however many there were before", async () => {
  const mappings = await mappingsOf(vmId);
  for (let taken = 0; taken < SNAPSHOTS; taken++) {
    const id = newSnapshotId();
    const { dirtyBytes } = await host.worker.createSnapshot(vmId, id);
    snapshots.push(id);
    const { map, paths } = await memoryOf(id);
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
    const liveBytes = bytesOf(countPages(map.extents));
    const allowed = liveBytes + Math.max(liveBytes, DEAD_ALLOWED_BYTES) + dirtyBytes;
    expect(dirtyBytes).toBeLessThan(MAX_COPIED_BYTES);
    expect(map.files.length).toBeLessThanOrEqual(MAX_FILES);
    expect(map.extents.length).toBeLessThan(MAX_EXTENTS);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(allowed);
    expect((await readdir(join(folderOf(id), DISK_FOLDER))).length).toBeLessThanOrEqual(MAX_FILES);
  }
  const now = await mappingsOf(vmId);
  expect(now.memory).toBe(mappings.memory);
  expect(now.all).toBeLessThan(MAX_MAPPINGS);
  // The last merge may still be under way.
  await vi.waitFor(async () => {
    const open = await openLayersOf(vmId);
    expect(open.filter((link) => link.endsWith("(deleted)"))).toEqual([]);
    expect(open.length).toBeLessThanOrEqual(MAX_FILES);
  }, WAIT);
});

test("what only some of them used comes free with them, and the others stay whole", async () => {
  const random = seededRandom("snapshots that go", undefined);
  const going = new Set(snapshots.filter(() => random(2) === 0).map(folderOf));
  // Nothing is written from here on.
  await host.worker.pause(vmId);
  const before = await filesOf(host.dataDir);
  const goes = (name: string): boolean => [...going].some((folder) => name.startsWith(folder + sep));
  const onlyTheirs = [...before.values()].filter(
    ({ names, links }) => names.length === links && names.every(goes),
  );
  for (const id of snapshots) if (going.has(folderOf(id))) await host.worker.deleteSnapshot(id);
  const after = bytesOnDisk(await filesOf(host.dataDir));
  expect(onlyTheirs.length).toBeGreaterThan(0);
  const freed = onlyTheirs.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(bytesOnDisk(before) - after).toBe(freed);

  snapshots = snapshots.filter((id) => !going.has(folderOf(id)));
  for (const id of snapshots) await memoryOf(id);
  const snapshotId = snapshots[random(snapshots.length)] ?? newSnapshotId();
  const child = newVmId();
  await host.worker.launch({ ...templateSpec(), vmId: child, source: { kind: "snapshot", snapshotId } });
  expect(await host.sh(child, IS_WRITING)).toBe("yes");
  await host.worker.resume(vmId);
  expect(await host.sh(vmId, IS_WRITING)).toBe("yes");
  await host.worker.deleteVm(child);
});

test("nothing is left when all of them are gone", async () => {
  for (const id of snapshots) await host.worker.deleteSnapshot(id);
  await host.worker.deleteVm(vmId);
  const left = (await namesIn(host.dataDir)).filter((name) => !namesBefore.has(name));
  // What all overlays of that size begin as.
  expect(left.filter((name) => !name.startsWith(join(host.dataDir, "overlays") + sep))).toEqual([]);
});
