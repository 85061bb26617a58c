/**
 * What builds keep for those that follow: a disk for each organisation, with base images and the layers of each step. A build takes it
 * into its VM's folder and puts it back when its guest has let go of it; what a build breaks off with goes with the VM's folder, whenever
 * and however that is. So a disk in here is whole. What is on it the host never looks at.
 */
import { chmod, chown, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { OrgId } from "@fastvm/contract";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { syncPath } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { makeRootDisk } from "../image-build/root-disk.ts";
import { buildCachesFolder } from "../vm/state/worker-context.ts";
import type { Parts } from "../vm/state/worker-context.ts";

const GIB = 1024 ** 3;
/** More than a build with a compiler's image and its packages takes. Holes until it is written. */
export const CACHE_DISK_GIB = 20;
/** A disk that is fuller goes: the next build begins anew, instead of ending for want of room. */
const MAX_KEPT_BYTES = 12 * GIB;
/** Of all organisations together; those whose last build is longest ago go first. */
const MAX_ALL_BYTES = 40 * GIB;
/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;
const FILE = /^[\w-]+\.raw$/;
/** Half of a digest names the file system, half of it seeds its folders. */
const DIGEST_BYTES = 32;

/** The organisation's disk, or a new one while another build has it, in the VM's folder. */
export async function takeCache(
  { config }: Parts<"config">,
  { orgId, isNew, into, uid }: { orgId: OrgId; isNew: boolean; into: string; uid: number },
): Promise<void> {
  await makeClosedFolder(buildCachesFolder(config));
  if (isNew || !(await wasTaken(fileOf(config, orgId), into)))
    await makeRootDisk(into, CACHE_DISK_GIB, randomBytes(DIGEST_BYTES).toString("hex"));
  await chown(into, uid, uid);
}

/** Nobody uses it any more. Of two builds at once the one that ends last leaves its own. */
export async function keepCache({ config }: Parts<"config">, orgId: OrgId, from: string): Promise<void> {
  await chown(from, 0, 0);
  await chmod(from, 0o600);
  if ((await allocatedBytes(from)) > MAX_KEPT_BYTES) return;
  await syncPath(from);
  const now = new Date();
  await utimes(from, now, now);
  await rename(from, fileOf(config, orgId));
  await removeOldest(buildCachesFolder(config));
}

async function wasTaken(file: string, into: string): Promise<boolean> {
  try {
    // The quicker of two has it.
    await rename(file, into);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => FILE.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const { mtimeMs, blocks } = await stat(path).catch(() => ({ mtimeMs: 0, blocks: 0 }));
      return { path, mtimeMs, bytes: blocks * STAT_BLOCK_BYTES };
    }),
  );
  let bytes = 0;
  for (const cache of found.toSorted((one, other) => other.mtimeMs - one.mtimeMs)) {
    bytes += cache.bytes;
    if (bytes > MAX_ALL_BYTES) await rm(cache.path, { force: true });
  }
}

async function allocatedBytes(path: string): Promise<number> {
  return (await stat(path)).blocks * STAT_BLOCK_BYTES;
}

function fileOf(config: Parts<"config">["config"], orgId: OrgId): string {
  const name = `${orgId}.raw`;
  if (!FILE.test(name)) throw new Error(`"${orgId}" is no id of an organisation`);
  return join(buildCachesFolder(config), name);
}
