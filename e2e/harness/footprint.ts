/** Everything of a daemon that can leak, counted: compared before and after, it must be the same. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { TestDaemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { processesIn } from "./processes.ts";

export interface Footprint {
  readonly processes: number;
  readonly descriptors: number;
  readonly files: readonly string[];
  readonly cgroups: number;
  readonly network: NetworkFootprint;
  readonly rows: Readonly<Record<string, number>>;
}

/** Those ahead of use are as many before as after, once all is at rest. */
interface NetworkFootprint {
  readonly namespaces: number;
  readonly links: number;
  readonly chains: number;
  readonly sets: number;
}

/** Files that a daemon keeps whatever it did. */
const KEPT =
  /^(api-key|daemon\.(json|lock|log)|reserve|operator\.sock|fastvm\.db(-wal|-shm)?|overlays\/\d+\.qcow2|qemu\/[0-9a-f]{64}\/.+)$/;
/** The records of what happened and of who did it are meant to stay, within their bounds, as are counters of them; locks have two names. */
const KEPT_TABLES = /^(sqlite_|kysely_|(events|event_counters|audit_entries|audit_counters|locks)$)/;

/** Files and timers that are open for a moment. */
const DESCRIPTOR_SLACK = 3;
/** The pool refills after some quiet, on a machine that may be busy. */
const SETTLE_DEADLINE_MS = 30_000;

/** Waiting processes and VMs that stand by: as many of each as the pool's size. */
const SPARE = /^(pool|standby)\//;
const SPARE_KINDS = 2;
/** A VM that is being made to stand by opens and closes connections all the time. */
const REST_MS = 500;

/** The kernel's TCP_LISTEN. */
const LISTENING = "0A";

/** What was there before is there again, and nothing else, once pool and connections have come to rest. */
export async function expectFootprint(daemon: TestDaemon, before: Footprint): Promise<void> {
  await eventually(async () => {
    const after = await footprint(daemon);
    expect({ ...after, descriptors: before.descriptors }).toEqual(before);
    expect(Math.abs(after.descriptors - before.descriptors)).toBeLessThanOrEqual(DESCRIPTOR_SLACK);
  }, SETTLE_DEADLINE_MS);
}

/** With full pools, in which nothing moves any more. */
export async function restingFootprint(daemon: TestDaemon): Promise<Footprint> {
  await eventually(async () => {
    const spare = (await processesIn(daemon.config.dataDir)).filter(({ folder }) => SPARE.test(folder));
    expect(spare).toHaveLength(daemon.config.poolSize * SPARE_KINDS);
    const first = await footprint(daemon);
    await sleep(REST_MS);
    expect(await footprint(daemon)).toEqual(first);
  }, SETTLE_DEADLINE_MS);
  return await footprint(daemon);
}

export async function footprint(daemon: TestDaemon): Promise<Footprint> {
  const { dataDir } = daemon.config;
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
  return {
    processes: (await processesIn(dataDir)).length,
    descriptors: await countDescriptors(await daemon.pid(), daemon.config.port),
    files: files
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
      .filter((name) => !KEPT.test(name) && !SPARE.test(name))
      .toSorted(),
    cgroups: await countCgroups(dataDir),
    network: await networkFootprint(dataDir),
    rows: countRows(join(dataDir, "fastvm.db")),
  };
}

/** Without the connections of clients, who keep idle ones for as long as the server lets them. */
async function countDescriptors(pid: number, port: number): Promise<number> {
  const accepted = await acceptedSockets(port);
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(
    names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => undefined)),
  );
  return targets.filter((target) => target !== undefined && !accepted.has(target)).length;
}

/** As `/proc/PID/fd` names them. Columns of /proc/net/tcp: number, local address, remote address, state, … inode. */
async function acceptedSockets(port: number): Promise<ReadonlySet<string>> {
  const localPort = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = (await readFile("/proc/net/tcp", "latin1")).split("\n").slice(1);
  const rows = lines.map((line) => line.trim().split(/\s+/));
  const accepted = rows.filter(([, local, , state]) => local?.endsWith(localPort) && state !== LISTENING);
  return new Set(accepted.map((row) => `socket:[${row[9]}]`));
}

/** Names what is this daemon's alone, as the worker does it: others may run on the machine. */
export function scopeOf(dataDir: string): string {
  return createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
}

export async function networkFootprint(dataDir: string): Promise<NetworkFootprint> {
  const instance = scopeOf(dataDir).slice(0, 6);
  const names = await readdir("/run/netns").catch(() => []);
  const ours = names.filter((name) => name.startsWith(`fastvm-${instance}-`));
  const devices = await readdir("/sys/class/net");
  const links = ours.map((name) => `fv-${name.split("-")[2]}`).filter((link) => devices.includes(link));
  const table = await promisify(execFile)("nft", ["-j", "list", "table", "inet", `fastvm_${instance}`]).catch(
    () => ({ stdout: '{"nftables":[]}' }),
  );
  const { nftables } = JSON.parse(table.stdout) as { nftables: { chain?: object; set?: object }[] };
  return {
    namespaces: ours.length,
    links: links.length,
    chains: nftables.filter(({ chain }) => chain !== undefined).length,
    sets: nftables.filter(({ set }) => set !== undefined).length,
  };
}

async function countCgroups(dataDir: string): Promise<number> {
  const scope = scopeOf(dataDir);
  let count = 0;
  for (const root of ["", "/pids", "/memory", "/cpu", "/blkio"]) {
    const entries = await readdir(join(`/sys/fs/cgroup${root}`, `fastvm-${scope}`), {
      withFileTypes: true,
    }).catch(() => []);
    count += entries.filter((entry) => entry.isDirectory()).length;
  }
  return count;
}

function countRows(path: string): Record<string, number> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    const names = tables.map((row) => String(row["name"])).filter((name) => !KEPT_TABLES.test(name));
    return Object.fromEntries(
      names.map((name) => [
        name,
        Number(database.prepare(`SELECT count(*) AS n FROM "${name}"`).get()?.["n"]),
      ]),
    );
  } finally {
    database.close();
  }
}
