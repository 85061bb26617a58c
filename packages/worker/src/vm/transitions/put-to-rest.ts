/**
 * The end of a VM whose QEMU has ended, and which keeps its disk: its folder loses all else and becomes that of a stopped VM by a rename,
 * which needs no room. A daemon that ends anywhere in between leaves it where the next one goes on (`recovery/recover.ts`).
 */
import { readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { step } from "@fastvm/contract";
import type { EndCause } from "@fastvm/contract";
import { chainOnDisk, DISK_FOLDER } from "../../disk/chain.ts";
import type { WorkerConfig } from "../../config.ts";
import { makeClosedFolder } from "../../files/closed-folder.ts";
import { syncPath, syncTree } from "../../files/durable.ts";
import { isErrno } from "../../files/errno.ts";
import { JOURNAL_FILE } from "../../journal/journal.ts";
import { freeSlot } from "../../pool/slot.ts";
import type { SlotHost } from "../../pool/slot.ts";
import { EXIT_FILE } from "../../qemu/exit-record.ts";
import { HYPERVISOR_LOG_FILE } from "../../qemu/qemu-process.ts";
import { freezeLayer } from "../capture/settle-chain.ts";
import { CONSOLE_FILE } from "../state/console-log.ts";
import { endVolumeServer, networkOf } from "../state/holdings.ts";
import type { Vm, VmRecord } from "../state/vm.ts";
import { stoppedFolder } from "../state/worker-context.ts";
import type { Parts } from "../state/worker-context.ts";

/** What a VM at rest has. How its QEMU ended among it: a daemon that goes on with this is to know that it was not with its host. */
const KEPT: ReadonlySet<string> = new Set([
  DISK_FOLDER,
  JOURNAL_FILE,
  CONSOLE_FILE,
  HYPERVISOR_LOG_FILE,
  EXIT_FILE,
]);

export interface Ending {
  /** `error`: it was lost, and may be started all the same. */
  readonly phase: "stopped" | "error";
  /** One sentence. */
  readonly reason: string;
  /** It is to be started again. */
  readonly restarts?: boolean;
  /** Absent when it was told to. */
  readonly cause?: EndCause;
  /** Its disk may have lost writes. */
  readonly unchecked?: boolean;
}

/** Call when its process has ended. What fails before the rename leaves a VM that runs no more and has its folder still. */
export async function putToRest(
  context: SlotHost & Parts<"config" | "onError">,
  vm: Vm,
  ending: Ending,
): Promise<void> {
  const { slot: name, uid } = vm.record;
  const network = networkOf(context, vm);
  await step("rest.begun");
  await endVolumeServer(context, vm).catch(context.onError);
  // Who has drained its console may be writing it there still; from here on nobody drains it.
  await vm.logs.run(() => removeAllBut(vm.folder, KEPT));
  await step("rest.memory-removed");
  const chain = await settleDisk(vm);
  await step("rest.disk-settled");
  const record = recordAtRest(vm.record, chain, ending);
  // Nobody looks for its console where it is not yet.
  await vm.logs.run(async () => {
    vm.become(record);
    // Without it the next daemon finds the disk, and not why.
    await vm.update({}).catch(context.onError);
    await step("rest.recorded");
    await moveToRest(context.config, vm);
  });
  await step("rest.moved");
  await freeSlot(context, { name, folder: vm.folder, uid, network }).catch(context.onError);
  await step("rest.freed");
}

/** From here on it is what its journal says. What an earlier life had left there is its past. */
export async function moveToRest(config: WorkerConfig, { vmId, folder }: Vm): Promise<void> {
  const rest = stoppedFolder(config, vmId);
  await makeClosedFolder(dirname(rest));
  await rm(rest, { recursive: true, force: true });
  await rename(folder, rest);
  await Promise.all([syncPath(dirname(rest)), syncPath(dirname(folder))]);
}

function recordAtRest(before: VmRecord, chain: VmRecord["chain"], ending: Ending): VmRecord {
  const {
    process: _ended,
    volumeServer: _gone,
    buckets: _with,
    volumes: _unmounted,
    plainMounts: _forgotten,
    network: _left,
    deadline: _over,
    runningSinceMs: _before,
    stops: _done,
    soonReboots = 0,
    ...rest
  } = before;
  const { phase, reason, restarts = false, cause, unchecked = false } = ending;
  return {
    ...rest,
    chain,
    phase,
    reason,
    ...(phase === "error" && { hasDisk: true }),
    ...(cause && { cause }),
    ...(unchecked && { unchecked }),
    ...(restarts && { restarts, soonReboots }),
  };
}

/** Nobody writes to it any more, and it is on the host's disk. */
async function settleDisk(vm: Vm): Promise<VmRecord["chain"]> {
  const disk = join(vm.folder, DISK_FOLDER);
  const chain = chainOnDisk(vm.record.chain, await sizesIn(disk));
  await removeAllBut(disk, new Set(chain));
  for (const layer of chain) await freezeLayer(vm.folder, layer);
  await syncTree(disk);
  await syncPath(disk);
  return chain;
}

async function sizesIn(folder: string): Promise<ReadonlyMap<string, number>> {
  const names = await readdir(folder);
  const sizes = names.map(async (name) => [name, (await stat(join(folder, name))).size] as const);
  return new Map(await Promise.all(sizes));
}

async function removeAllBut(folder: string, kept: ReadonlySet<string>): Promise<void> {
  try {
    for (const name of await readdir(folder))
      if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
