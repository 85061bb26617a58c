/** Restores of snapshots by how much differs from the template, and in how many page files, beside bare restores of the template. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import { floorRestore } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";
import { GrownVm } from "./grown-vm.ts";

export const DELTAS_MIB = [1, 128, 512] as const;
export type DeltaMib = (typeof DELTAS_MIB)[number];
export const PAGE_FILES = [1, 8, 16] as const;
export type PageFiles = (typeof PAGE_FILES)[number];

const SETTLE_MS = 100;
const MIB_PER_FILE = 4;

interface SnapshotRestoreSamples {
  readonly byDelta: ReadonlyMap<DeltaMib, readonly number[]>;
  readonly byFiles: ReadonlyMap<PageFiles, readonly number[]>;
  readonly floorMs: readonly number[];
}

export async function measureSnapshotRestore(
  session: Session,
  rounds: number,
): Promise<SnapshotRestoreSamples> {
  const { client } = session;
  const byDelta = new Map<DeltaMib, Snapshot>();
  const byFiles = new Map<PageFiles, Snapshot>();
  const made: Snapshot[] = [];
  const capture = async (vm: Vm): Promise<Snapshot> => {
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    made.push(snapshot);
    return snapshot;
  };
  {
    await using grown = await GrownVm.launch(client, MACHINE_TYPE);
    for (const mib of DELTAS_MIB) {
      await grown.writeUpTo(mib);
      byDelta.set(mib, await capture(grown.vm));
    }
  }
  {
    // Each capture writes one file, of what was written since the one before.
    await using grown = await GrownVm.launch(client, MACHINE_TYPE);
    for (let files = 1; files <= Math.max(...PAGE_FILES); files++) {
      await grown.writeUpTo(files * MIB_PER_FILE);
      const snapshot = await capture(grown.vm);
      const count = PAGE_FILES.find((each) => each === files);
      if (count !== undefined) byFiles.set(count, snapshot);
    }
  }
  const [deltaMs, filesMs, floorMs] = [samplesOf(byDelta), samplesOf(byFiles), [] as number[]];
  // The first round warms every cache and does not count.
  for (let round = 0; round <= rounds; round++) {
    const counts = round > 0;
    for (const [key, snapshot] of byDelta) await note(deltaMs.get(key), client, snapshot, counts);
    for (const [key, snapshot] of byFiles) await note(filesMs.get(key), client, snapshot, counts);
    await using bare = await floorRestore(session.floor);
    if (counts) floorMs.push(bare.restoreMs);
  }
  for (const snapshot of made) await client.snapshots.delete(snapshot);
  return { byDelta: deltaMs, byFiles: filesMs, floorMs };
}

function samplesOf<K>(snapshots: ReadonlyMap<K, Snapshot>): Map<K, number[]> {
  return new Map([...snapshots.keys()].map((key) => [key, []]));
}

async function note(
  samples: number[] | undefined,
  client: FastvmClient,
  snapshot: Snapshot,
  counts: boolean,
): Promise<void> {
  let vm: Vm | undefined;
  const tookMs = await timed(async () => (vm = await client.vms.launch({ snapshotId: snapshot.id })));
  if (counts) samples?.push(tookMs);
  if (vm !== undefined) await client.vms.delete(vm);
  await sleep(SETTLE_MS);
}
