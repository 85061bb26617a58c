/** Ends a daemon. Its VMs run on until another one is started, which adopts them. */
import { killAndWait, isAlive } from "@fastvm/worker";
import { setTimeout as sleep } from "node:timers/promises";
import { findInstance, releaseFolder } from "./instance-file.ts";

/** In time a daemon finishes the answers it is about to give; then it is killed, which VMs survive as well. */
const GRACE_MS = 10_000;
const POLL_MS = 20;

export async function stopDaemon(options: { readonly dataDir: string }): Promise<"stopped" | "not-running"> {
  const instance = await findInstance(options.dataDir);
  if (instance === undefined) return "not-running";
  process.kill(instance.process.pid, "SIGTERM");
  const deadline = Date.now() + GRACE_MS;
  while ((await isAlive(instance.process)) && Date.now() < deadline) await sleep(POLL_MS);
  await killAndWait(instance.process);
  await releaseFolder(options.dataDir);
  return "stopped";
}
