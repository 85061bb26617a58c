/**
 * The last words of a guest and of its QEMU. QEMU keeps 64 KiB of the console in its memory and gives each byte once, so what was read is
 * kept in a file beside the VM: that file and what has come since are the log. It goes along through pauses and stays when the VM fails.
 */
import { join } from "node:path";
import type { VmLog } from "@fastvm/contract";
import { replaceFile } from "../../files/durable.ts";
import { isOutOfDisk } from "../../files/errno.ts";
import { readTail } from "../../files/read-tail.ts";
import { HYPERVISOR_LOG_FILE } from "../../qemu/qemu-process.ts";
import type { Guest, Vm } from "./vm.ts";
import { folderOf } from "./folder-of.ts";
import type { Parts } from "./worker-context.ts";

export const CONSOLE_FILE = "console.log";
/** Of each of the two; as much as QEMU keeps of the console. */
const KEPT_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

export async function consoleLog(context: Parts<"config">, vm: Vm): Promise<VmLog> {
  return await vm.logs.run(async () => {
    const console = vm.guest && (await drainConsole(vm.guest, vm.folder));
    const logs = await readLogs(folderOf(context.config, vm));
    return console === undefined ? logs : { ...logs, console };
  });
}

/** Called when the guest stands still for good: its console goes into the folder that becomes the paused VM. */
export async function keepConsole(vm: Vm, guest: Guest, folder: string): Promise<void> {
  await vm.logs.run(async () => {
    await drainConsole(guest, vm.folder);
    await writeLogs(folder, { ...(await readLogs(vm.folder)), hypervisor: NOTHING });
  });
}

export async function readLogs(folder: string): Promise<VmLog> {
  const [console, hypervisor] = await Promise.all([
    readTail(join(folder, CONSOLE_FILE), KEPT_BYTES),
    readTail(join(folder, HYPERVISOR_LOG_FILE), KEPT_BYTES),
  ]);
  return { console, hypervisor };
}

/** Into the folder of a VM's next life, or of one that failed. */
export async function writeLogs(folder: string, { console, hypervisor }: VmLog): Promise<void> {
  if (console.length > 0) await replaceFile(join(folder, CONSOLE_FILE), console);
  if (hypervisor.length > 0) await replaceFile(join(folder, HYPERVISOR_LOG_FILE), hypervisor);
}

/**
 * All there is of the console. A QEMU that just ended, or that a capture holds up, gives nothing: what was read
 * before is still there. On a full disk, which is when somebody looks, the new part is told, but cannot be kept.
 */
async function drainConsole(guest: Guest, folder: string): Promise<Buffer> {
  const fresh = await guest.qemu.drainConsole().catch(() => NOTHING);
  const path = join(folder, CONSOLE_FILE);
  const all = Buffer.concat([await readTail(path, KEPT_BYTES), fresh]).subarray(-KEPT_BYTES);
  if (fresh.length > 0) await replaceFile(path, all).catch(unlessOutOfDisk);
  return all;
}

function unlessOutOfDisk(error: unknown): void {
  if (!isOutOfDisk(error)) throw error;
}
