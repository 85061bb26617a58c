import { existsSync } from "node:fs";
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newSnapshotId } from "@fastvm/contract";
import type { SnapshotId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Kind } from "../../guest-link/protocol.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import { writeManifest } from "../../snapshot/manifest.ts";
import type { Manifest } from "../../snapshot/manifest.ts";
import { PAGES_FOLDER } from "../../memory/vm-memory.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { ScriptedQemu } from "../../testing/scripted-qemu.ts";
import { snapshotFolder, standbyFolder } from "../state/worker-context.ts";
import { createSnapshot } from "../transitions/create-snapshot.ts";
import { launch } from "../transitions/launch.ts";

let host: ScriptedHost;

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

describe("from a snapshot", () => {
  let snapshotId: SnapshotId;
  let source: ScriptedQemu;
  /** As the source had it when it was captured. */
  let page: Buffer;

  beforeEach(async () => {
    host = await ScriptedHost.open();
    snapshotId = newSnapshotId();
    const vm = await host.launch();
    source = host.of(vm).qemu;
    const read = async () => void (page = await source.readPage(200));
    await host.doAt("capture.stopped", read, () => createSnapshot(host.context, vm, snapshotId));
    await host.fillPool();
  });

  function restored(): Promise<unknown> {
    return launch(host.context, { ...host.spec(), source: { kind: "snapshot", snapshotId } });
  }

  async function changeManifest(change: (manifest: Manifest) => Manifest): Promise<void> {
    const folder = snapshotFolder(host.context.config, snapshotId);
    const opened = await openSnapshot(folder);
    if (opened !== undefined) await writeManifest(folder, change(opened.manifest));
  }

  test("the guest has the pages that were written, before it goes on", async () => {
    const qemu = host.nextQemu;
    await host.doAt(
      "start-guest.memory-given",
      async () => {
        expect(qemu.isRunning).toBe(false);
        expect(await qemu.readPage(200)).toEqual(page);
      },
      restored,
    );
    expect(qemu.loaded).toEqual(source.saved);
  });

  test("memory that was damaged is told, and nothing of the VM is left", async () => {
    const pages = join(snapshotFolder(host.context.config, snapshotId), PAGES_FOLDER);
    const [name = ""] = await readdir(pages);
    await using file = await open(join(pages, name), "r+");
    const { size } = await file.stat();
    await file.write(Buffer.from("damaged"), 0, null, size - 7);
    const qemu = host.nextQemu;
    await expect(restored()).rejects.toMatchObject({ code: "snapshot_incompatible" });
    expect(qemu.hasEnded).toBe(true);
  });

  test("that is deleted before it is read, the launch fails as that of one that is not there", async () => {
    const folder = snapshotFolder(host.context.config, snapshotId);
    const remove = () => rm(folder, { recursive: true });
    const launched = host.doAt("launch.source-found", remove, restored);
    await expect(launched).rejects.toMatchObject({
      code: "not_found",
      message: expect.not.stringContaining(host.root),
    });
    expect(await readdir(join(host.dataDir, "vms"))).toHaveLength(1);
  });

  test("of another host it is not tried", async () => {
    await changeManifest((manifest) => ({
      ...manifest,
      compatibility: { ...manifest.compatibility, machineDigest: "another" },
    }));
    const qemu = host.nextQemu;
    await expect(restored()).rejects.toMatchObject({ code: "snapshot_incompatible" });
    expect(qemu).toMatchObject({ commands: [], hasEnded: false });
  });

  test("of another QEMU no process of the pool is used", async () => {
    await changeManifest((manifest) => {
      const { compatibility } = manifest;
      return {
        ...manifest,
        compatibility: { ...compatibility, qemu: { ...compatibility.qemu, digest: "another" } },
      };
    });
    const qemu = host.nextQemu;
    await restored().catch(() => undefined);
    expect(qemu).toMatchObject({ commands: [], hasEnded: false });
  });
});

test("a larger disk is one before the guest is told of it, and a time to live begins with the VM", async () => {
  host = await ScriptedHost.open();
  const qemu = host.nextQemu;
  const guest = host.guestOf(qemu);
  const answer = guest.onFrame;
  guest.onFrame = (frame) => {
    if (frame.kind === Kind.IDENTITY) expect(qemu.commands.at(-1)).toBe("block_resize");
    answer(frame);
  };
  const spec = { ...host.spec(), diskGib: 2, ttl: { remainingMs: 60_000, action: "pause" } as const };
  const begun = Date.now();
  await launch(host.context, spec);
  const { deadline, runningSinceMs = 0 } = host.vm(spec.vmId).record;
  expect(qemu.commands).toContain("block_resize");
  expect(deadline?.atMs).toBeGreaterThanOrEqual(begun + 60_000);
  expect(Math.abs((deadline?.atMs ?? 0) - 60_000 - runningSinceMs)).toBeLessThan(1_000);
});

describe("a launch that finds one that stands by", () => {
  beforeEach(async () => {
    host = await ScriptedHost.open(1, 1);
  });

  test("lets it go on, and tells it who it is", async () => {
    const qemu = host.standbyQemu;
    const told = host.guestOf(qemu).of(Kind.IDENTITY).length;
    const loaded = qemu.commands.length;
    const vm = await host.launch();
    expect(host.of(vm).qemu).toBe(qemu);
    expect(qemu.commands.slice(loaded)).toEqual(["cont"]);
    expect(host.guestOf(qemu).of(Kind.IDENTITY)).toHaveLength(told + 1);
    expect(existsSync(vm.folder)).toBe(true);
    expect(await readdir(standbyFolder(host.context.config))).toEqual([]);
  });

  test("takes the long way when that one fails, and nothing of it is left", async () => {
    const [standby, pooled] = [host.standbyQemu, host.nextQemu];
    standby.refuse("cont");
    const vm = await host.launch();
    expect(host.of(vm).qemu).toBe(pooled);
    expect(vm.record.phase).toBe("running");
    expect(standby.hasEnded).toBe(true);
    expect(host.errors).toHaveLength(1);
    expect(await readdir(join(host.dataDir, "vms"))).toEqual([vm.vmId]);
  });

  test("does not take it when nobody wants the VM any more", async () => {
    const [standby, pooled] = [host.standbyQemu, host.nextQemu];
    const [caller, reason] = [new AbortController(), new Error("it was deleted")];
    const work = () => launch(host.context, host.spec(), caller.signal);
    const outcome = host.doAt("restore.standby-continued", () => caller.abort(reason), work);
    await expect(outcome).rejects.toBe(reason);
    expect(standby.hasEnded).toBe(true);
    expect(pooled).toMatchObject({ commands: [], hasEnded: false });
    expect(await readdir(join(host.dataDir, "vms"))).toEqual([]);
  });
});
