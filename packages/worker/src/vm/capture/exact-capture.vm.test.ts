/** Guests that write while they are captured: each page of what was published and restored is what the source had inside its pause. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hookSteps, newSnapshotId, newVmId } from "@fastvm/contract";
import type { SnapshotId, StepName } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findMemoryMapping, pagesOf } from "../../memory/mapping.ts";
import { PagesHelper } from "../../memory/pages-helper.ts";
import { emptyMap } from "../../memory/page-map.ts";
import { decodePageMap } from "../../memory/page-map-file.ts";
import { MAP_FILE, mappedIn, VmMemory } from "../../memory/vm-memory.ts";
import { MEMORY_FILE } from "../../qemu/machine.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import { openMemory } from "../../snapshot/memory.ts";
import { sumsOfFiles, sumsOfProcess } from "../../testing/exactness/page-sums.ts";
import type { PageSums } from "../../testing/exactness/page-sums.ts";
import { inGuest, TestContext } from "../../testing/test-context.ts";
import { DENY_ALL } from "../../testing/test-worker.ts";
import type { Vm } from "../state/vm.ts";
import { pausedFolder, snapshotFolder } from "../state/worker-context.ts";
import { createSnapshot } from "../transitions/create-snapshot.ts";
import { fork } from "../transitions/fork.ts";
import { pause } from "../transitions/pause.ts";
import { resume } from "../transitions/resume.ts";

const MIB = 1024 ** 2;
/** More than children write into their own memory. */
const LARGE_MIB = 80;
/** Goes on for ever, over a few megabytes, a few bytes at a time. */
const WRITE_ON = `python3 -c '
import random
memory = bytearray(8 << 20)
while True: memory[random.randrange(len(memory))] = random.randrange(256)
' >/dev/null 2>&1 &`;

const { tracksWrites, detail } = await PagesHelper.probe();

describe("a guest that writes while it is captured", () => {
  let host: TestContext;
  let vm: Vm;
  let unhook: () => void = () => undefined;

  beforeEach(async () => {
    host = await TestContext.open();
    vm = await host.launch();
    await inGuest(vm, WRITE_ON);
  });

  afterEach(async () => {
    unhook();
    await host[Symbol.asyncDispose]();
    expect(host.errors).toEqual([]);
  });

  async function ofProcess(source: Vm): Promise<PageSums> {
    const pid = source.record.process?.pid ?? 0;
    const base = join(source.folder, MEMORY_FILE);
    const over = mappedIn(source.folder, source.memory.spawned);
    return await sumsOfProcess(pid, await findMemoryMapping(pid, base, over), base, over);
  }

  async function ofState(folder: string): Promise<PageSums> {
    const snapshot = await openSnapshot(folder);
    if (snapshot === undefined) throw new Error(`there is nothing in ${folder}`);
    return await sumsOfFiles(join(folder, MEMORY_FILE), (await openMemory(snapshot)).memory);
  }

  function expectSame(found: PageSums, expected: PageSums, what: string): void {
    const differing = [...expected.keys()].filter((page) => found[page] !== expected[page]);
    expect(differing.slice(0, 10), what).toEqual([]);
    expect(found.length, what).toBe(expected.length);
  }

  /** Looks at what has just been done to a VM. */
  function whenPassed(name: StepName, look: () => Promise<void>): void {
    unhook();
    unhook = hookSteps(async (passed) => {
      if (passed === name) await look();
    });
  }

  async function whatWasPaused(source: Vm, work: () => Promise<unknown>): Promise<PageSums> {
    let seen: PageSums | undefined;
    whenPassed("capture.copied", async () => {
      seen = await ofProcess(source);
    });
    await work();
    unhook();
    if (seen === undefined) throw new Error("nothing was captured");
    return seen;
  }

  async function snapshotOf(source: Vm): Promise<SnapshotId> {
    const id = newSnapshotId();
    const expected = await whatWasPaused(source, () => createSnapshot(host.context, source, id));
    expectSame(await ofState(snapshotFolder(host.context.config, id)), expected, "a snapshot");
    return id;
  }

  /** What it has before its guest goes on is looked at. */
  async function restored(snapshotId: SnapshotId): Promise<Vm> {
    const expected = await ofState(snapshotFolder(host.context.config, snapshotId));
    let seen: PageSums | undefined;
    const vmId = newVmId();
    whenPassed("start-guest.prepared", async () => {
      seen = await ofStarting(vmId);
    });
    const child = await host.launch({ vmId, source: { kind: "snapshot", snapshotId } });
    unhook();
    expectSame(seen ?? new Uint32Array(), expected, "a restored memory");
    return child;
  }

  /** A VM that starts is in no list; its journal says which process it has. */
  async function ofStarting(vmId: string): Promise<PageSums> {
    const folder = join(host.context.config.dataDir, "vms", vmId);
    const record = JSON.parse(await readFile(join(folder, "journal.json"), "utf8")) as Vm["record"];
    const pages = pagesOf(record.machine.memoryMib);
    const mapped = await readFile(join(folder, MAP_FILE)).catch(() => undefined);
    const memory = new VmMemory(mapped === undefined ? emptyMap(pages) : decodePageMap(mapped, pages));
    return await ofProcess({ record, folder, memory } as unknown as Vm);
  }

  test("is captured exactly, again and again, and so are its children and theirs", async () => {
    let source = vm;
    for (let generation = 0; generation < 2; generation++) {
      await snapshotOf(source);
      source = await restored(await snapshotOf(source));
    }
    const { context } = host;
    const expected = await whatWasPaused(source, () => pause(context, source));
    expectSame(await ofState(pausedFolder(context.config, source.vmId)), expected, "a paused VM");
    await resume(context, source, {});
    expect(await inGuest(context.vms.get(source.vmId) ?? source, "pgrep -c python3")).toBe("1");
  });

  test.skipIf(!tracksWrites)(
    `costs what was written since the last capture${tracksWrites ? "" : `: skipped, ${detail}`}`,
    async () => {
      const { context } = host;
      await inGuest(
        vm,
        `head -c ${LARGE_MIB}M /dev/urandom > /dev/shm/large; md5sum < /dev/shm/large > /root/sum`,
      );
      const first = await createSnapshot(context, vm, newSnapshotId());
      expect(first).toMatchObject({ tracking: "writes" });
      expect(first.dirtyBytes).toBeGreaterThan(LARGE_MIB * MIB);
      const snapshotId = await snapshotOf(vm);
      const child = await restored(snapshotId);
      // Shared, and known to be: neither of both is its own.
      expect(child.memory.spawned.extents.length).toBeGreaterThan(0);
      const again = await createSnapshot(context, child, newSnapshotId());
      expect(again.dirtyBytes).toBeLessThan((LARGE_MIB * MIB) / 2);
      const forked = await fork(context, child, [
        { vmId: newVmId(), identity: vm.record.identity, network: DENY_ALL },
      ]);
      expect(forked.capture.dirtyBytes).toBeLessThan((LARGE_MIB * MIB) / 2);
      const grandchild = context.vms.get(forked.children[0]?.vmId ?? newVmId());
      if (grandchild === undefined) throw new Error("the fork has no child");
      expect(await inGuest(grandchild, "md5sum < /dev/shm/large | cmp - /root/sum && echo same")).toBe(
        "same",
      );
      await restored(await snapshotOf(grandchild));
    },
  );

  test("whose capture fails after pages were protected is captured whole the next time", async () => {
    await snapshotOf(vm);
    for (const name of ["capture.round-copied", "capture.copied", "capture.memory-remembered"] as const) {
      whenPassed(name, async () => {
        throw new Error("cut");
      });
      await expect(createSnapshot(host.context, vm, newSnapshotId())).rejects.toThrow("cut");
      unhook();
      await snapshotOf(vm);
    }
    await restored(await snapshotOf(vm));
  });
});
