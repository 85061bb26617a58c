import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identifyProcess } from "@fastvm/worker";
import { expect, onTestFinished, test } from "vitest";
import { endDaemon } from "./end-daemon.ts";

test("a daemon that cannot delete its VMs goes all the same, and so do they; that it could not is told", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "fastvm-end-"));
  const vms = join(dataDir, "vms");
  await mkdir(vms);
  const [daemon, vm] = [tmpdir(), vms].map((cwd) => spawn("sleep", ["1000"], { cwd, stdio: "ignore" }));
  onTestFinished(async () => {
    for (const child of [daemon, vm]) child?.kill("SIGKILL");
    await rm(dataDir, { recursive: true });
  });
  const ended = Promise.all(
    [daemon, vm].map(async (child) => (await once(child ?? process, "exit"))[1] as string),
  );
  const instance = { process: await identifyProcess(daemon?.pid ?? 0), url: "http://127.0.0.1:9" };
  await writeFile(join(dataDir, "daemon.json"), JSON.stringify(instance));
  await expect(endDaemon(dataDir)).rejects.toThrow(/No daemon runs on/);
  expect(await ended).toEqual(["SIGTERM", "SIGKILL"]);
});
