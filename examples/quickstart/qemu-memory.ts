/** What a VM costs this host: the proportional memory of its QEMU process, shared pages divided among those who share them. */
import { readdir, readFile, stat } from "node:fs/promises";

/** In MiB; `undefined` when this process may not look, or the VM runs on another host. */
export async function qemuMemoryMib(dataDir: string, vmId: string): Promise<number | undefined> {
  const folder = await stat(`${dataDir}/vms/${vmId}`).catch(() => undefined);
  if (folder === undefined) return undefined;
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // QEMU has a root of its own, with another name for its folder. A small supervisor works there, too.
    const cwd = await stat(`/proc/${entry}/cwd`).catch(() => undefined);
    if (cwd?.ino !== folder.ino || cwd.dev !== folder.dev || !(await isQemu(entry))) continue;
    const rollup = await readFile(`/proc/${entry}/smaps_rollup`, "latin1").catch(() => "");
    const pss = /^Pss:\s+(\d+) kB/m.exec(rollup)?.[1];
    return pss === undefined ? undefined : Number(pss) / 1024;
  }
  return undefined;
}

async function isQemu(pid: string): Promise<boolean> {
  const name = await readFile(`/proc/${pid}/comm`, "latin1").catch(() => "");
  return name.startsWith("qemu-system");
}
