/** What a VM costs this host: the proportional memory of its QEMU process, shared pages divided among those who share them. */
import { readdir, readFile, readlink } from "node:fs/promises";

/** In MiB; `undefined` when this process may not look, or the VM runs on another host. */
export async function qemuMemoryMib(dataDir: string, vmId: string): Promise<number | undefined> {
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => "");
    if (cwd !== `${dataDir}/vms/${vmId}`) continue;
    const rollup = await readFile(`/proc/${entry}/smaps_rollup`, "latin1").catch(() => "");
    const pss = /^Pss:\s+(\d+) kB/m.exec(rollup)?.[1];
    return pss === undefined ? undefined : Number(pss) / 1024;
  }
  return undefined;
}
