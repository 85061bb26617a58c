/** Starts a daemon in the background and waits until it serves. */
import { mkdir, open, readFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { CLOSED_FOLDER_MODE, makeClosedFolder, spawnDetached } from "@fastvm/worker";
import type { DaemonConfig } from "./config.ts";
import { findInstance } from "./instance-file.ts";
import type { Instance } from "./instance-file.ts";
import { askDaemon } from "./own-request.ts";
import { folderFailure, LAST_WORDS, StartFailure } from "./start-failure.ts";
import { apiKeyFile, logFile } from "./paths.ts";
import { readTlsFiles } from "./tls-files.ts";

/** The first start boots a kernel once to try hardware virtualization and once to make a template. */
const READY_DEADLINE_MS = 300_000;
const POLL_MS = 25;
/** One that starts takes the connection and answers when it is ready. */
const READY_ANSWER_MS = 2000;
const LOG_TAIL_BYTES = 2_000;
/** Starting a process costs time with the size of the one that starts it; the default keeps 25 MiB for objects that die young. */
const YOUNG_OBJECTS = "--max-semi-space-size=2";
/**
 * Of the C library, so that what was freed goes back to the host: without, a daemon that has started keeps 10 MiB of it, in pieces,
 * and one that has compiled itself for the first time 20. QEMU has an environment of its own.
 */
const MALLOC = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "32768",
  MALLOC_TRIM_THRESHOLD_: "131072",
};
const ENTRY = fileURLToPath(new URL("./serve-entry.ts", import.meta.url));

export interface StartedDaemon {
  readonly url: string;
  readonly apiKey: string;
  readonly apiKeyFile: string;
  readonly logFile: string;
}

/**
 * Finds the daemon that has the data folder, or starts one; resolves when it answers and is ready to launch VMs.
 * `entry`: the program of one that is to be started, by default our own.
 */
export async function startDaemon(config: DaemonConfig, entry = ENTRY): Promise<StartedDaemon> {
  const running = await findInstance(config.dataDir);
  const url = running?.url ?? (await spawnDaemon(config, entry));
  return {
    url,
    apiKey: (await readFile(apiKeyFile(config.dataDir), "utf8")).trim(),
    apiKeyFile: apiKeyFile(config.dataDir),
    logFile: logFile(config.dataDir),
  };
}

async function spawnDaemon(config: DaemonConfig, entry: string): Promise<string> {
  // What is wrong with them is told here at once, rather than in the log of the one that could not start.
  if (config.tls !== undefined) await readTlsFiles(config.tls);
  await using log = await openLog(config.dataDir).catch((error: unknown) => {
    throw folderFailure(config.dataDir, error);
  });
  const { size } = await log.stat();
  const { exited } = await spawnDetached({
    command: process.execPath,
    args: [...process.execArgv, YOUNG_OBJECTS, entry, JSON.stringify({ ...config, manager: undefined })],
    cwd: "/",
    env: { ...inheritedEnvironment(), ...MALLOC, ...(await compileCache(config.cacheDir)) },
    logFd: log.fd,
  });
  let ended = false;
  void exited.then(() => (ended = true));
  const deadline = Date.now() + READY_DEADLINE_MS;
  for (;;) {
    const instance = await findInstance(config.dataDir);
    if (instance !== undefined && (await isReady(instance))) return instance.url;
    if (ended || Date.now() > deadline) {
      throw new StartFailure(await reasonIn(config.dataDir, size));
    }
    await sleep(POLL_MS);
  }
}

async function openLog(dataDir: string): Promise<FileHandle> {
  await mkdir(dataDir, { recursive: true, mode: CLOSED_FOLDER_MODE });
  return await open(logFile(dataDir), "a", 0o600);
}

async function isReady(instance: Instance): Promise<boolean> {
  const answer = await askDaemon(instance, "/readyz", { timeoutMs: READY_ANSWER_MS }).catch(() => undefined);
  return answer?.status === 200;
}

/** Its last words, or what it wrote last when it had no time for these. */
async function reasonIn(dataDir: string, offset: number): Promise<string> {
  const text = (await readFile(logFile(dataDir))).subarray(offset).toString();
  const words = text.split("\n").findLast((line) => line.startsWith(LAST_WORDS));
  return words?.slice(LAST_WORDS.length) ?? `The daemon did not start:\n${text.slice(-LOG_TAIL_BYTES)}`;
}

/**
 * A daemon that need not translate its source is there sooner, and is 30 MiB smaller, as it never loads the
 * translator. In a folder of root's: code that another user could write would be run as ours.
 */
async function compileCache(cacheDir: string): Promise<Record<string, string>> {
  const folder = join(cacheDir, "compile");
  await makeClosedFolder(folder);
  return { NODE_COMPILE_CACHE: folder };
}

/**
 * The daemon's settings travel as an argument; of the environment only what programs need to be found, and what OpenTelemetry's library
 * reads itself: keys for collectors, which no argument may hold.
 */
function inheritedEnvironment(): Record<string, string> {
  const telemetry = Object.entries(process.env).filter(([name]) => name.startsWith("OTEL_"));
  return { ...Object.fromEntries(telemetry), PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" };
}
