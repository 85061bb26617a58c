/** One daemon per data folder: a file names the process that has it, with its start time, since pids are used again. */
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { CLOSED_FOLDER_MODE, identifyProcess, isAlive } from "@fastvm/worker";
import type { ProcessIdentity } from "@fastvm/worker";
import { instanceFile } from "./paths.ts";

/** A stale file is removed and taken once; losing the race twice means that somebody else has the folder. */
const TRIES = 2;

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
  const self = await identifyProcess(process.pid);
  for (let tried = 0; tried < TRIES; tried++) {
    try {
      await using file = await open(instanceFile(dataDir), "wx", 0o600);
      await file.writeFile(JSON.stringify({ process: self, ...served }));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    await refuseSecond(dataDir);
    await releaseFolder(dataDir);
  }
  throw new Error(`Another daemon is starting in ${dataDir}`);
}

export async function releaseFolder(dataDir: string): Promise<void> {
  await rm(instanceFile(dataDir), { force: true });
}

function parse(text: string): Instance | undefined {
  try {
    return JSON.parse(text) as Instance;
  } catch (error) {
    // Its writer was killed between creating and writing it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
