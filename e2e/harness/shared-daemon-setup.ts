/** The daemon of a tier, from before its first file to after its last, when nothing of any file may be left in it. */
import { deepStrictEqual } from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { TestDaemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { processesIn } from "./processes.ts";
import { SHARED_SETTINGS } from "./shared-settings.ts";

/** As many as run at once of the files that do more than wait; those of e2e-guest launch one VM each, which then works for minutes. */
const POOL_SIZES: Readonly<Record<string, number>> = { "e2e-shared": 2 };
/** What files deleted last is still being removed. */
const SETTLE_DEADLINE_MS = 30_000;
/** Everything that is somebody's; what is kept ready is nobody's. */
const OWNED = ["vms", "paused", "snapshots", "forks"] as const;

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const daemon = await TestDaemon.start({
    poolSize: POOL_SIZES[project.name] ?? 0,
    settings: SHARED_SETTINGS,
  });
  const { dataDir } = daemon.config;
  project.provide("sharedDaemon", { url: daemon.url, dataDir });
  return async () => {
    try {
      await eventually(async () => deepStrictEqual(await leftIn(dataDir), []), SETTLE_DEADLINE_MS);
    } catch (error) {
      // A failure after the last test is only printed otherwise.
      process.exitCode = 1;
      throw error;
    } finally {
      await daemon[Symbol.asyncDispose]();
    }
  };
}

/** Folders of VMs and snapshots, and processes of VMs, which say whose fault it is by their order alone. */
async function leftIn(dataDir: string): Promise<readonly string[]> {
  const folders = await Promise.all(
    OWNED.map(async (name) => (await readdir(join(dataDir, name))).map((entry) => join(name, entry))),
  );
  const processes = (await processesIn(dataDir)).filter(({ folder }) => folder.startsWith("vms/"));
  return [...folders.flat(), ...processes.map(({ pid, folder }) => `process ${pid} in ${folder}`)];
}
