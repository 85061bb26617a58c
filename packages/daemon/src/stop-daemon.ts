/** Ends a daemon. Its VMs run on until another one is started, which adopts them, unless they are to end as well. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, killAndWait } from "@fastvm/worker";
import { findInstance, releaseFolder } from "./instance-file.ts";
import type { Instance } from "./instance-file.ts";
import { askDaemon } from "./own-request.ts";
import { apiKeyFile } from "./paths.ts";

/** In time a daemon finishes the answers it is about to give; then it is killed, which VMs survive as well. */
const GRACE_MS = 10_000;
const POLL_MS = 20;

export interface StopOptions {
  readonly dataDir: string;
  /** `delete`: the VMs of the daemon's own key are deleted first, paused ones too. Default `keep`. */
  readonly vms?: "keep" | "delete";
}

export async function stopDaemon(options: StopOptions): Promise<"stopped" | "not-running"> {
  const instance = await findInstance(options.dataDir);
  if (instance === undefined) return "not-running";
  if (options.vms === "delete") await deleteVms(instance, options.dataDir);
  process.kill(instance.process.pid, "SIGTERM");
  const deadline = Date.now() + GRACE_MS;
  while ((await isAlive(instance.process)) && Date.now() < deadline) await sleep(POLL_MS);
  await killAndWait(instance.process);
  await releaseFolder(options.dataDir);
  return "stopped";
}

async function deleteVms(instance: Instance, dataDir: string): Promise<void> {
  const headers = { "X-API-Key": (await readFile(apiKeyFile(dataDir), "utf8")).trim() };
  const answer = await askDaemon(instance, "/v1/vms", { headers });
  if (answer.status !== 200) throw new Error(`The daemon does not list its VMs: ${answer.body}`);
  const vms = JSON.parse(answer.body) as readonly { readonly id: string }[];
  for (const { id } of vms) {
    const deleted = await askDaemon(instance, `/v1/vms/${id}`, { method: "DELETE", headers });
    if (deleted.status >= 300 && deleted.status !== 404) {
      throw new Error(`VM ${id} cannot be deleted: ${deleted.body}`);
    }
  }
}
