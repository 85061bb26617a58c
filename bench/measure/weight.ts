/** What the programs themselves weigh: the command until its first byte, and a daemon that has nothing to do, both bundled. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";
import { residentMib } from "./memory.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FASTVM = join(ROOT, "fastvm");
/** It gives back what its start took when it has been at rest for ten seconds. */
const AT_REST_MS = 25_000;
/** Of the daemon, in its folder. */
const INSTANCE = "daemon.json";
/** The first fills caches. */
const WARM_UP = 2;

interface Weight {
  readonly commandMs: readonly number[];
  /** Node alone, until it has written a line. */
  readonly floorCommandMs: readonly number[];
  readonly daemonMib: number;
  /** Node alone. */
  readonly floorDaemonMib: number;
}

export async function measureWeight({ daemon }: Session, rounds: number): Promise<Weight> {
  execFileSync(join(ROOT, "packaging/for-clone"), { stdio: ["ignore", "ignore", "inherit"] });
  const { environment } = daemon;
  const command = [FASTVM, "vm", "ls"];
  const bare = [process.execPath, "-e", "console.log(1)"];
  const [commandMs, floorCommandMs]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const [ours, floor] = [await firstByteMs(command, environment), await firstByteMs(bare, environment)];
    if (round < 0) continue;
    commandMs.push(ours);
    floorCommandMs.push(floor);
  }
  return { commandMs, floorCommandMs, daemonMib: await idleMib(), floorDaemonMib: await bareMib() };
}

async function firstByteMs(
  [program = "", ...args]: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const ms = await timed(() => once(child.stdout, "data"));
  await ended;
  return ms;
}

/** Of a daemon with nothing ready and no VMs. */
async function idleMib(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-weight-"));
  const where = ["--data-dir", folder];
  try {
    execFileSync(
      FASTVM,
      ["serve", "-d", "--port", "0", "--pool-size", "0", "--pool-max-size", "0", ...where],
      { stdio: "ignore" },
    );
    await sleep(AT_REST_MS);
    const written = await readFile(join(folder, INSTANCE), "utf8");
    const { process: daemon } = JSON.parse(written) as { readonly process: { readonly pid: number } };
    return await residentMib(daemon.pid);
  } finally {
    execFileSync(FASTVM, ["daemon", "stop", ...where], { stdio: "ignore" });
    await rm(folder, { recursive: true, force: true });
  }
}

async function bareMib(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  const mib = await residentMib(child.pid ?? 0);
  child.kill();
  return mib;
}
