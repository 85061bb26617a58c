/** Snapshots as a worker's inventory tells of them. */
import { readdir } from "node:fs/promises";
import type { SnapshotId, WorkerInventory } from "@fastvm/contract";
import { isPartial } from "../../snapshot/partial-folder.ts";
import { snapshotsFolder } from "./worker-context.ts";
import type { Parts } from "./worker-context.ts";

/** One that is being made is none yet: no record has that name, so it would be taken for a stranger, and removed under its maker. */
export async function foundSnapshots({ config }: Parts<"config">): Promise<WorkerInventory["snapshots"]> {
  const names = await readdir(snapshotsFolder(config));
  return names.filter((name) => !isPartial(name)) as SnapshotId[];
}
