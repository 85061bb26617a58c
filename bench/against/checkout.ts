/** A checkout that is measured: its own daemons, started and asked as a user would, since it may be older than this program. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { FastvmClient } from "fastvm";

const run = promisify(execFile);

const CACHE = "/var/cache/fastvm";
const POOL_SIZE = 1;
/** A process that waits, and a VM that stands by. */
const SPARE_KINDS = 2;
const READY_DEADLINE_MS = 60_000;
const POLL_MS = 250;
/** Of the kernel's hundredths of a second, in one poll: what stands by is stopped, the rest idles. */
const QUIET_TICKS = 2;

export interface Side {
  readonly name: string;
  /** Whose launches each spawn a QEMU. */
  readonly bare: MeasuredDaemon;
  readonly pooled: MeasuredDaemon;
}

interface MeasuredDaemon {
  readonly client: FastvmClient;
  /** Resolves when nothing of it works any more and its pool is full. */
  readonly rest: () => Promise<void>;
}

/** Builds what the checkout's guests are made of, where it is not there. */
export async function prepareImage(checkout: string): Promise<string> {
  await run(join(checkout, "guest/image/build.sh"), { maxBuffer: Infinity });
  return await realpath(join(CACHE, "images/current"));
}

export async function openSide(
  name: string,
  checkout: string,
  image: string,
  stack: AsyncDisposableStack,
): Promise<Side> {
  const bare = await startDaemon(checkout, image, 0, stack);
  return { name, bare, pooled: await startDaemon(checkout, image, POOL_SIZE, stack) };
}

async function startDaemon(
  checkout: string,
  image: string,
  poolSize: number,
  stack: AsyncDisposableStack,
): Promise<MeasuredDaemon> {
  const dataDir = await mkdtemp(join(CACHE, "bench-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));
  const port = await freePort();
  const command = join(checkout, "fastvm");
  const env = { PATH: process.env["PATH"] ?? "", FASTVM_IMAGE_DIR: image };
  const flags = ["--data-dir", dataDir, "--port", `${port}`, "--pool-size", `${poolSize}`];
  const folder = ["--data-dir", dataDir];
  stack.defer(async () => {
    // In older checkouts `stop` alone is the daemon's, and --vms deletes.
    const older = () => run(command, ["stop", "--vms", ...folder], { env });
    await run(command, ["daemon", "stop", "--delete-vms", ...folder], { env }).catch(older);
  });
  await run(command, ["serve", "-d", ...flags], { env });
  const apiKey = (await readFile(join(dataDir, "api-key"), "utf8")).trim();
  return {
    client: new FastvmClient({ apiKey, baseUrl: `http://127.0.0.1:${port}` }),
    rest: () => untilAtRest(dataDir, poolSize),
  };
}

async function untilAtRest(dataDir: string, poolSize: number): Promise<void> {
  const instance = JSON.parse(await readFile(join(dataDir, "daemon.json"), "utf8")) as {
    process: { pid: number };
  };
  const deadline = Date.now() + READY_DEADLINE_MS;
  let before = NaN;
  while (Date.now() < deadline) {
    const qemus = await qemusBelow(instance.process.pid);
    const ticks = qemus.reduce((sum, qemu) => sum + qemu.ticks, 0);
    if (qemus.length >= poolSize * SPARE_KINDS && ticks - before <= QUIET_TICKS) return;
    before = ticks;
    await sleep(POLL_MS);
  }
  throw new Error(`The pool of ${dataDir} was not full and quiet within ${READY_DEADLINE_MS} ms`);
}

/** By descent, which holds whatever namespaces a checkout puts them in. */
async function qemusBelow(root: number): Promise<{ readonly ticks: number }[]> {
  const stats = await Promise.all(
    (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map((pid) => readStat(Number(pid))),
  );
  const found = stats.filter((stat) => stat !== undefined);
  const parents = new Map(found.map(({ pid, parent }) => [pid, parent]));
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return found.filter(({ pid, command }) => command.startsWith("qemu") && isBelow(pid));
}

async function readStat(
  pid: number,
): Promise<{ pid: number; parent: number; command: string; ticks: number } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  if (text === "") return undefined;
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { pid, parent: Number(fields[1]), command: text.slice(text.indexOf("(") + 1, end), ticks };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
