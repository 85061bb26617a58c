import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../processes/proc.ts";
import { openBareSlot } from "../testing/bare-slot.ts";
import { killStrayProcesses } from "./stray-processes.ts";

test("stray QEMUs in our folders are ended, owned ones and a person's shell are not", async () => {
  await using stray = await openBareSlot();
  await using owned = await openBareSlot();
  const shell = spawn("sleep", ["60"], { cwd: stray.slot.folder });
  await once(shell, "spawn");
  try {
    await killStrayProcesses(owned.root, new Set([owned.slot.qemu.identity.pid]));
    await killStrayProcesses(join(stray.root, "elsewhere"), new Set());
    expect(await isAlive(stray.slot.qemu.identity)).toBe(true);
    await killStrayProcesses(stray.root, new Set());
    expect(await isAlive(stray.slot.qemu.identity)).toBe(false);
    expect(await isAlive(owned.slot.qemu.identity)).toBe(true);
    expect(shell.exitCode).toBeNull();
    expect(shell.signalCode).toBeNull();
  } finally {
    shell.kill("SIGKILL");
  }
});
