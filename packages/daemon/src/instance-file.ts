/** One daemon per data folder: a file names the process that has it, with its start time, since pids are used again. */
import { mkdir, open, readFile, rm } from "node:fs/promises";
import type { DatabaseSync } from "node:sqlite";
import { CLOSED_FOLDER_MODE, identifyProcess, isAlive, replaceFile } from "@fastvm/worker";
import type { ProcessIdentity } from "@fastvm/worker";
import { folderLockFile, instanceFile } from "./paths.ts";

const SQLITE_BUSY = 5;

export interface Instance {
  readonly process: ProcessIdentity;
  readonly url: string;
  /** SHA-256 of the certificate that it serves TLS with. Absent: it serves cleartext. */
  readonly certificate?: string | undefined;
}

/** The daemon that has the folder now, if one lives. */
export async function findInstance(dataDir: string): Promise<Instance | undefined> {
  const text = await readFile(instanceFile(dataDir), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const instance = parse(text);
  return instance !== undefined && (await isAlive(instance.process)) ? instance : undefined;
}

/** Throws when a daemon has the folder. */
export async function refuseSecond(dataDir: string): Promise<void> {
  const other = await findInstance(dataDir);
  if (other === undefined) return;
  throw new Error(`Another daemon (pid ${other.process.pid}) already serves ${dataDir} at ${other.url}`);
}

/** Takes the folder for this process; throws when another daemon has it. */
export async function claimFolder(
  dataDir: string,
  served: Pick<Instance, "url" | "certificate">,
): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: CLOSED_FOLDER_MODE });
  using lock = await lockFolder(dataDir);
  if (lock === undefined) throw new Error(`Another daemon is starting in ${dataDir}`);
  await refuseSecond(dataDir);
  const self = await identifyProcess(process.pid);
  await replaceFile(instanceFile(dataDir), JSON.stringify({ process: self, ...served }));
}

/** By the daemon that has it, from whom nobody takes it while it lives. */
export async function releaseFolder(dataDir: string): Promise<void> {
  const instance = await findInstance(dataDir);
  if (instance?.process.pid === process.pid) await rm(instanceFile(dataDir), { force: true });
}

/** What one left that was killed; whoever takes the folder in this moment replaces that. */
export async function releaseEnded(dataDir: string): Promise<void> {
  using lock = await lockFolder(dataDir);
  if (lock === undefined || (await findInstance(dataDir)) !== undefined) return;
  await rm(instanceFile(dataDir), { force: true });
}

/**
 * A file that was read and found stale may be another's by the time that it is replaced or removed, so that all who judge it take turns.
 * The lock is the kernel's and goes with its process; Node takes none but SQLite's. `undefined`: another has it.
 */
async function lockFolder(dataDir: string): Promise<DatabaseSync | undefined> {
  const file = folderLockFile(dataDir);
  // So that whoever cannot make it hears the system's reason.
  await (await open(file, "a", 0o600)).close();
  // Here, as the command, which reads this file, seldom needs it.
  const { DatabaseSync: Database } = await import("node:sqlite");
  const lock = new Database(file);
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}

function parse(text: string): Instance | undefined {
  try {
    return JSON.parse(text) as Instance;
  } catch (error) {
    // A power cut emptied it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
