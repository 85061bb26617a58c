/** Makes a backup of a data folder's records, snapshots and paused VMs, while its daemon runs or while none does. */
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CLOSED_FOLDER_MODE, runTool, syncPath } from "@fastvm/worker";
import type { DaemonConfig } from "../config.ts";
import { databaseFile } from "../paths.ts";
import { RECORDS, sealBackup, STATES } from "./backup-folder.ts";
import type { BackupManifest } from "./backup-folder.ts";
import { Holding } from "./hold-states.ts";
import { copyRecords, readStates } from "./records.ts";

/** A disk full of snapshots takes hours at most. */
const COPY_MS = 24 * 3_600_000;
const UNFINISHED = ".unfinished";
const FOUND_CHANGES = 1;

/** `folder` must not be there. Whenever it ends, it is whole or it is not there. */
export async function backUp(config: DaemonConfig, folder: string): Promise<BackupManifest> {
  await refuse(config, folder);
  const unfinished = await freshFolder(folder);
  try {
    const told = await copy(config.dataDir, unfinished);
    const manifest = await sealBackup(unfinished, told);
    await syncPath(unfinished);
    await rename(unfinished, folder);
    await syncPath(dirname(folder));
    return manifest;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function copy(dataDir: string, target: string): Promise<Pick<BackupManifest, "content" | "leftOut">> {
  await using holding = await Holding.open(dataDir);
  await holding.hold(readStates(databaseFile(dataDir)));
  const records = join(target, RECORDS);
  copyRecords(databaseFile(dataDir), records);
  const then = readStates(records);
  // A record that still says so, after its folder was linked, says that it was whole.
  const held = await holding.keep(then);
  const states = join(target, STATES);
  await archive(holding.folder, states);
  await Promise.all([records, states].map(syncPath));
  return {
    content: { snapshots: held.snapshots.size, pausedVms: held.paused.size },
    leftOut: {
      vms: then.vms - held.paused.size,
      volumes: then.volumes,
      snapshots: then.snapshots.size - held.snapshots.size,
    },
  };
}

/** Shared files are linked and unlinked meanwhile, which is no change of what is in them; tar takes it for one, and says so by 1. */
async function archive(folder: string, target: string): Promise<void> {
  const before = await contentsOf(folder);
  const args = ["--create", "--sparse", "--file", target, "--directory", folder, "."];
  await runTool("tar", args, { timeoutMs: COPY_MS }).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === FOUND_CHANGES)) throw error;
  });
  const after = await contentsOf(folder);
  const changed = [...before].find(([path, content]) => after.get(path) !== content);
  if (changed !== undefined)
    throw new Error(`${changed[0]} changed while it was copied. Take another backup`);
}

/** When each was written last, and its length. */
async function contentsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const told = files.map(async (path) => {
    const { mtimeNs, size } = await stat(path, { bigint: true });
    return [path, `${mtimeNs} ${size}`] as const;
  });
  return new Map(await Promise.all(told));
}

async function refuse({ dataDir, databaseUrl }: DaemonConfig, folder: string): Promise<void> {
  if (databaseUrl !== undefined) {
    throw new Error(
      "The records are in PostgreSQL: take them by pg_dump, with the daemon stopped, and copy the data folder by cp -a",
    );
  }
  if ((await stat(databaseFile(dataDir)).catch(() => undefined)) === undefined) {
    throw new Error(
      `There are no records in ${dataDir} that this user may read; be root, and name the daemon's folder by --data-dir`,
    );
  }
  if ((await stat(folder).catch(() => undefined)) !== undefined) {
    throw new Error(`${folder} is there already; name a folder that is not, and nothing was changed`);
  }
}

/** Beside the one that it will be, and without what one that was killed has left. */
async function freshFolder(folder: string): Promise<string> {
  const unfinished = `${folder}${UNFINISHED}`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: CLOSED_FOLDER_MODE });
  return unfinished;
}
