/** What a VM uses of its host now. It waits for no transition: somebody who asks wants to know what goes on in the middle of one, too. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { VmUsage } from "@fastvm/contract";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { isErrno } from "../../files/errno.ts";
import { cpuSecondsOf, memoryOf } from "../../processes/process-usage.ts";
import type { Vm } from "./vm.ts";
import { folderOf } from "./folder-of.ts";
import type { Parts } from "./worker-context.ts";

/** Twenty ticks of the kernel's accounting: 5 % steps on one processor. */
const LOAD_WINDOW_MS = 200;
/** The kernel counts allocated space in these, whatever the file system's blocks are. */
const STAT_BLOCK_BYTES = 512;

export async function stats(context: Parts<"config">, vm: Vm): Promise<VmUsage> {
  const [process, disk] = await Promise.all([processUsage(vm), diskUsage(diskFolder(context, vm))]);
  return { ...(process === undefined ? {} : { process }), disk };
}

async function processUsage(vm: Vm): Promise<VmUsage["process"]> {
  const { process, phase, runningSinceMs = Date.now() } = vm.record;
  if (process === undefined || phase !== "running") return undefined;
  const { pid } = process;
  const startedAt = performance.now();
  const before = await cpuSecondsOf(pid);
  await sleep(LOAD_WINDOW_MS);
  const [after, memory] = await Promise.all([cpuSecondsOf(pid), memoryOf(pid)]);
  const seconds = (performance.now() - startedAt) / 1000;
  // It ended while we looked; that is told by the VM's status.
  if (before === undefined || after === undefined || memory === undefined) return undefined;
  return {
    uptimeMs: Math.max(0, Date.now() - runningSinceMs),
    cpuSeconds: after,
    cpuPercent: Math.round((100 * (after - before)) / seconds),
    ...memory,
  };
}

function diskFolder({ config }: Parts<"config">, vm: Vm): string {
  return join(folderOf(config, vm), DISK_FOLDER);
}

async function diskUsage(folder: string): Promise<VmUsage["disk"]> {
  let usedBytes = 0;
  let ownBytes = 0;
  for (const layer of await layersIn(folder)) {
    const { blocks, nlink } = layer;
    usedBytes += blocks * STAT_BLOCK_BYTES;
    if (nlink === 1) ownBytes += blocks * STAT_BLOCK_BYTES;
  }
  return { usedBytes, ownBytes };
}

/** None where the folder is gone: a VM in `error` holds nothing, and one that is paused meanwhile has another. */
async function layersIn(folder: string): Promise<{ blocks: number; nlink: number }[]> {
  try {
    const names = await readdir(folder);
    return await Promise.all(names.map((name) => lstat(join(folder, name))));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
