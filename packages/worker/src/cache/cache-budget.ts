/** What the cache may take where nobody says how much: a third of its disk, so that two thirds are left for VMs and the host. */
import { statfs } from "node:fs/promises";

const GIB = 1024 ** 3;
const SHARE = 1 / 3;

export async function cacheBudget(folder: string, cacheGib: number | undefined): Promise<number> {
  if (cacheGib !== undefined) return cacheGib * GIB;
  const { blocks, bsize } = await statfs(folder);
  return Math.floor(blocks * bsize * SHARE);
}
