/** Ends a daemon. Its VMs run on until another one is started, which adopts them, unless they are to stop or go as well. */
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, killAndWait } from "@fastvm/worker";
import { findInstance, releaseEnded } from "./instance-file.ts";
import { askOperator } from "./operator-request.ts";
import { stopVms } from "./stop-vms.ts";

/** In time a daemon finishes the answers it is about to give; then it is killed, which VMs survive as well. */
const GRACE_MS = 10_000;
const POLL_MS = 20;

interface StopOptions {
  readonly dataDir: string;
  /**
   * `stop`: those that run are stopped first, as by a host that shuts down, of whatever organisation. `delete`: all are deleted, paused
   * ones too. Default `keep`.
   */
  readonly vms?: "keep" | "stop" | "delete";
}

export async function stopDaemon(options: StopOptions): Promise<"stopped" | "not-running"> {
  const instance = await findInstance(options.dataDir);
  if (instance === undefined) return "not-running";
  if (options.vms === "stop") await stopVms(options.dataDir);
  if (options.vms === "delete") await deleteVms(options.dataDir);
  process.kill(instance.process.pid, "SIGTERM");
  const deadline = Date.now() + GRACE_MS;
  while ((await isAlive(instance.process)) && Date.now() < deadline) await sleep(POLL_MS);
  await killAndWait(instance.process);
  await releaseEnded(options.dataDir);
  return "stopped";
}

async function deleteVms(dataDir: string): Promise<void> {
  const answer = await askOperator(dataDir, "/vms");
  if (answer.status !== 200) throw new Error(`The daemon does not list its VMs: ${answer.body}`);
  const vms = JSON.parse(answer.body) as readonly { readonly id: string }[];
  for (const { id } of vms) {
    const deleted = await askOperator(dataDir, `/vms/${id}`, "DELETE");
    if (deleted.status >= 300 && deleted.status !== 404) {
      throw new Error(`VM ${id} cannot be deleted: ${deleted.body}`);
    }
  }
}
