/** Makes a data folder of a backup. The daemon that is started on it finds its records, snapshots and paused VMs. */
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CLOSED_FOLDER_MODE, runTool, syncPath } from "@fastvm/worker";
import { databaseFile } from "../paths.ts";
import { RECORDS, STATES, verifyBackup } from "./backup-folder.ts";
import type { BackupManifest } from "./backup-folder.ts";

const UNPACK_MS = 24 * 3_600_000;
const UNFINISHED = ".restoring";

/** Into a folder that is empty or not there; all of the backup is looked through before anything is written. */
export async function restoreBackup(folder: string, dataDir: string): Promise<BackupManifest> {
  const there = await readdir(dataDir).catch(() => []);
  if (there.length > 0) {
    throw new Error(
      `${dataDir} is not empty, and nothing was changed. End its daemon and move it away, or name another by --data-dir`,
    );
  }
  const manifest = await verifyBackup(folder);
  const unfinished = `${dataDir}${UNFINISHED}`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: CLOSED_FOLDER_MODE });
  try {
    await runTool(
      "tar",
      ["--extract", "--sparse", "--file", join(folder, STATES), "--directory", unfinished],
      {
        timeoutMs: UNPACK_MS,
      },
    );
    await copyFile(join(folder, RECORDS), databaseFile(unfinished));
    await runTool("sync", ["--file-system", unfinished], { timeoutMs: UNPACK_MS });
    // An empty folder gives way.
    await rename(unfinished, dataDir);
    await syncPath(dirname(dataDir));
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  return manifest;
}
