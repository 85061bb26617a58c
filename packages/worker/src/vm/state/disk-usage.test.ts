import { link, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { newSnapshotId, newVmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WorkerConfig } from "../../config.ts";
import { diskUsage } from "./disk-usage.ts";

/** A whole number of any filesystem's blocks. */
const BYTES = 256 * 1024;

let dataDir: string;
let config: WorkerConfig;
const [vmId, snapshotId] = [newVmId(), newSnapshotId()];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "fastvm-usage-"));
  config = { dataDir } as WorkerConfig;
});

afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

async function make(...path: readonly string[]): Promise<string> {
  const file = join(dataDir, ...path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, Buffer.alloc(BYTES, 1));
  return file;
}

async function linkAs(file: string, ...path: readonly string[]): Promise<void> {
  const to = join(dataDir, ...path);
  await mkdir(dirname(to), { recursive: true });
  await link(file, to);
}

describe("what is taken of the disk", () => {
  test("is counted once for all, and is somebody's own when nobody else has a name for it", async () => {
    const base = await make("template");
    await linkAs(base, "vms", vmId, "memory");
    await linkAs(base, "snapshots", snapshotId, "memory");
    const layer = await make("vms", vmId, "disk", "0.raw");
    await linkAs(layer, "snapshots", snapshotId, "disk", "0.raw");
    await make("vms", vmId, "disk", "1.qcow2");
    await make("snapshots", snapshotId, "state");
    await make("snapshots", snapshotId, "pages", "one");
    expect(await diskUsage(config, { vmIds: [vmId], snapshotIds: [snapshotId] })).toEqual({
      usedBytes: 5 * BYTES,
      vms: [{ usedBytes: 3 * BYTES, ownBytes: BYTES }],
      snapshots: [{ usedBytes: 4 * BYTES, ownBytes: 2 * BYTES }],
    });
  });

  test("of a VM that is being paused is in two folders, and its own in both", async () => {
    const layer = await make("vms", vmId, "disk", "0.raw");
    await linkAs(layer, "paused", vmId, "disk", "0.raw");
    expect((await diskUsage(config, { vmIds: [vmId], snapshotIds: [] })).vms).toEqual([
      { usedBytes: BYTES, ownBytes: BYTES },
    ]);
  });

  test("of what is not here is nothing", async () => {
    const nothing = { usedBytes: 0, ownBytes: 0 };
    expect(await diskUsage(config, { vmIds: [vmId], snapshotIds: [snapshotId] })).toEqual({
      usedBytes: 0,
      vms: [nothing],
      snapshots: [nothing],
    });
  });
});
