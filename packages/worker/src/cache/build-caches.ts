/**
 * What builds keep for those that follow: a disk for each organisation, with base images and the layers of each step. A build takes it
 * into its VM's folder and puts it back when its guest has let go of it; what a build breaks off with goes with the VM's folder, whenever
 * and however that is. So a disk in here is whole and at rest, and a rename decides who has it. What is on it the host never looks at.
 *
 *   build-caches/<organisation>.raw   in the data folder, as organisations are of its records
 */
import { chmod, chown, lstat, readdir, rename, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { OrgId } from "@fastvm/contract";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { syncPath } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";

const GIB = 1024 ** 3;
/** A disk that is fuller goes: the next build begins anew, instead of ending for want of room. */
const MAX_KEPT_BYTES = 12 * GIB;
/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;
const FILE = /^(?<org>[\w-]+)\.raw$/;

/** At rest: no build has it. */
export interface BuildCache {
  readonly orgId: string;
  /** When a build put it back. */
  readonly lastUseMs: number;
  readonly files: ReadonlyMap<string, number>;
}

export function buildCachesIn(dataDir: string): string {
  return join(dataDir, "build-caches");
}

export class BuildCaches {
  readonly #folder: string;
  readonly #maxBytes: number;

  /** `budgetBytes`: of all caches of the host together; one that is larger alone is not kept. */
  constructor(folder: string, budgetBytes: number = MAX_KEPT_BYTES) {
    this.#folder = folder;
    this.#maxBytes = Math.min(MAX_KEPT_BYTES, budgetBytes);
  }

  /** The organisation's disk in the VM's folder; `false` when there is none, or another build has it. */
  async take(orgId: OrgId, into: string): Promise<boolean> {
    try {
      // The quicker of two has it.
      await rename(this.#fileOf(orgId), into);
      // Or a power cut would give a disk that a guest was writing the name of one at rest.
      await syncPath(this.#folder);
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }

  /** Nobody uses it any more. Of two builds at once the one that ends last leaves its own. */
  async keep(orgId: OrgId, from: string): Promise<void> {
    await chown(from, 0, 0);
    await chmod(from, 0o600);
    if ((await stat(from)).blocks * STAT_BLOCK_BYTES > this.#maxBytes) return;
    await makeClosedFolder(this.#folder);
    await syncPath(from);
    const now = new Date();
    await utimes(from, now, now);
    await rename(from, this.#fileOf(orgId));
  }

  async list(): Promise<readonly BuildCache[]> {
    const found = await Promise.all((await this.#names()).map((name) => this.#look(name)));
    return found.filter((cache) => cache !== undefined);
  }

  /** Whether it is gone. One that a build has taken or put back since it was looked at stays. */
  async remove({ orgId, lastUseMs }: BuildCache): Promise<boolean> {
    const name = `${orgId}.raw`;
    if ((await this.#look(name))?.lastUseMs !== lastUseMs) return false;
    try {
      await unlink(join(this.#folder, name));
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }

  async #look(name: string): Promise<BuildCache | undefined> {
    const orgId = FILE.exec(name)?.groups?.["org"];
    if (orgId === undefined) return undefined;
    try {
      const { dev, ino, blocks, mtimeMs } = await lstat(join(this.#folder, name));
      return { orgId, lastUseMs: mtimeMs, files: new Map([[`${dev}:${ino}`, blocks * STAT_BLOCK_BYTES]]) };
    } catch (error) {
      // A build has taken it.
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    }
  }

  #fileOf(orgId: OrgId): string {
    const name = `${orgId}.raw`;
    if (!FILE.test(name)) throw new Error(`"${orgId}" is no id of an organisation`);
    return join(this.#folder, name);
  }
}
