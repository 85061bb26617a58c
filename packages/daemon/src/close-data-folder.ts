/**
 * Closes to all other users what earlier versions left open in the data folder. The
 * folder itself is its owner's, who may have made it, with whatever else lies in it.
 */
import { join } from "node:path";
import { closeToOthers } from "@fastvm/worker";
import { apiKeyFile, databaseFile, instanceFile, logFile } from "./paths.ts";

/** What SQLite keeps beside its database. */
const DATABASE_SUFFIXES = ["", "-wal", "-shm", "-journal"];
const FOLDERS = [
  ...["vms", "pool", "standby", "templating"],
  ...["snapshots", "paused", "stopped", "forks", "templates", "overlays", "staging"],
];

/** Does nothing where there is no data folder yet. */
export async function closeDataFolder(dataDir: string): Promise<void> {
  const database = databaseFile(dataDir);
  const files = [apiKeyFile(dataDir), instanceFile(dataDir), logFile(dataDir)];
  const folders = FOLDERS.map((name) => join(dataDir, name));
  const databases = DATABASE_SUFFIXES.map((suffix) => `${database}${suffix}`);
  for (const path of [...files, ...databases, ...folders]) await closeToOthers(path);
}
