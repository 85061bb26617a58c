/**
 * A volume that the servers of its VMs give up for a moment, so that nobody has it: what their guests ask waits, and what they have open
 * goes on afterwards. Locks are taken anew before any of the guests is heard: nobody else could have taken one. Other volumes and buckets
 * of these VMs stay where they are.
 */
import { lstat } from "node:fs/promises";
import { FastvmError, step } from "@fastvm/contract";
import type { VolumeId, VolumeMount } from "@fastvm/contract";
import { killAndWait, type ProcessIdentity } from "../../processes/proc.ts";
import { ControlConnection } from "../../volumes/server/control.ts";
import type { Vm } from "../state/vm.ts";
import { attachAgain, controlSocket, isServed, type VolumeServerContext } from "./volume-server.ts";

/** Of a request that waits for a disk, or a store of objects. */
const FREEZE_DEADLINE_MS = 5_000;

interface Frozen {
  readonly vm: Vm;
  readonly mount: VolumeMount;
  readonly server: ProcessIdentity;
  /** Whoever ends with it lets the server go on, or, where that has given its folder up, lets another one follow. */
  readonly connection: ControlConnection;
}

/** In the turns of these VMs. Rejects as `work` does, or with `volume_busy` before anybody has given anything up. */
export async function withVolumeParked(
  context: VolumeServerContext,
  vms: readonly Vm[],
  volumeId: VolumeId,
  work: () => Promise<void>,
): Promise<void> {
  const frozen: Frozen[] = [];
  const parked: Frozen[] = [];
  try {
    // All before one of them gives it up: whoever waits for its locks would have them.
    for (const vm of vms) {
      const mount = vm.record.volumes?.find((one) => one.volumeId === volumeId);
      const server = vm.record.volumeServer?.process;
      // One that has just ended by itself has another coming, in a turn after this.
      if (mount === undefined || server === undefined || !(await isServed(vm))) continue;
      frozen.push({ vm, mount, server, connection: await freeze(vm) });
    }
    await step("volume-server.frozen");
    for (const one of frozen) await assertLosesNothing(context, one);
    for (const one of frozen) {
      parked.push(one);
      await park(one, {});
    }
    await step("volume-server.parked");
    await work();
  } finally {
    await comeBack(context, parked);
    for (const { connection } of frozen) connection[Symbol.dispose]();
  }
}

async function freeze(vm: Vm): Promise<ControlConnection> {
  let connection: ControlConnection | undefined;
  try {
    connection = await ControlConnection.open(controlSocket(vm), { deadlineMs: 0 });
    await connection.ask("freeze", { words: { lease: "1" }, deadlineMs: FREEZE_DEADLINE_MS });
    return connection;
  } catch (error) {
    connection?.[Symbol.dispose]();
    throw busy(vm, "and what it asked of its volumes is not done; ask again", error);
  }
}

async function park(
  { vm, mount, connection }: Frozen,
  how: { readonly check?: "1" },
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const { told } = await connection.ask("park", { words: { tag: mount.volumeId, ...how } });
    return told;
  } catch (error) {
    throw busy(vm, "and what serves it there has just ended; ask again", error);
  }
}

async function assertLosesNothing({ volumes }: VolumeServerContext, frozen: Frozen): Promise<void> {
  const gone = (cause?: unknown) =>
    busy(frozen.vm, "with a folder of it mounted that is not there any more: detach it there", cause);
  const { dev, ino } = await volumes
    .served(frozen.mount)
    .then(({ path }) => lstat(path))
    .catch((error: unknown) => {
      throw gone(error);
    });
  const { lost, device, inode } = await park(frozen, { check: "1" });
  // Another of the same name is not what it has.
  if (device !== dev || inode !== ino) throw gone();
  const count = Number(lost);
  if (count === 0) return;
  const files = count === 1 ? "a file" : `${count} files`;
  const reason = `with ${files} open that were removed, or moved by others: close them there, or detach it, and ask again`;
  throw busy(frozen.vm, reason);
}

function busy(vm: Vm, reason: string, cause?: unknown): FastvmError {
  return new FastvmError("volume_busy", `VM ${vm.vmId} has it, ${reason}`, { cause });
}

/** All at once, as one that waits for a lock would get it before its holder is back. One that cannot is followed by another. */
async function comeBack(context: VolumeServerContext, parked: readonly Frozen[]): Promise<void> {
  await Promise.all(
    parked.map(async ({ vm, mount, server }) => {
      try {
        await attachAgain(context, vm, server, mount);
      } catch (error) {
        context.onError(error);
        await killAndWait(server);
      }
    }),
  );
  if (parked.length > 0) await step("volume-server.has-again");
}
