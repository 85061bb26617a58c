/** Everything of a daemon that can leak, counted: compared before and after, it must be the same. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import type { TestDaemon } from "./daemon.ts";
import { processesIn } from "./processes.ts";

export interface Footprint {
  readonly processes: number;
  readonly descriptors: number;
  readonly files: readonly string[];
  readonly cgroups: number;
  readonly rows: Readonly<Record<string, number>>;
}

/** Files that a daemon keeps whatever it did. */
const KEPT = /^(api-key|daemon\.json|daemon\.log|fastvm\.db(-wal|-shm)?|overlays\/\d+\.qcow2)$/;
/** The record of what happened is meant to stay, within its bound. */
const KEPT_TABLES = /^(sqlite_|kysely_|events$)/;

export async function footprint(daemon: TestDaemon): Promise<Footprint> {
  const { dataDir } = daemon.config;
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
  return {
    processes: (await processesIn(dataDir)).length,
    descriptors: (await readdir(`/proc/${await daemon.pid()}/fd`)).length,
    files: files
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
      .filter((name) => !KEPT.test(name) && !name.startsWith("pool/"))
      .toSorted(),
    cgroups: await countCgroups(dataDir),
    rows: countRows(join(dataDir, "fastvm.db")),
  };
}

/** Of this daemon alone: others may run on the machine. The name is the one that the worker gives. */
async function countCgroups(dataDir: string): Promise<number> {
  const scope = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  let count = 0;
  for (const root of ["/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory"]) {
    const entries = await readdir(join(root, `fastvm-${scope}`), { withFileTypes: true }).catch(() => []);
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
