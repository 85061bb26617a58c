/**
 * Servers of VMs that make way for a moment, so that nobody has what they serve. What their guests know is saved before they end, and
 * others go on from there; the guests' requests wait. Locks are taken anew before any of the guests is heard: nobody else could have
 * taken one.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { RUN_FOLDER } from "../../qemu/machine.ts";
import { ControlConnection } from "../../volumes/server/control.ts";
import { saveTable, type SavedTable } from "../../volumes/server/table.ts";
import type { Vm } from "../state/vm.ts";
import {
  controlSocket,
  endVolumeServer,
  isServed,
  startVolumeServer,
  type VolumeServerContext,
} from "./volume-server.ts";

/** Of a request that waits for a disk, or a store of objects. */
const FREEZE_DEADLINE_MS = 5_000;

interface Frozen {
  readonly vm: Vm;
  readonly connection: ControlConnection;
}

interface Away {
  readonly vm: Vm;
  readonly table: SavedTable;
}

/**
 * In the turns of these VMs. Rejects as `work` does, or with `volume_busy` where a server does not stand still; they are served again
 * then.
 */
export async function withServersAway(
  context: VolumeServerContext,
  vms: readonly Vm[],
  work: () => Promise<void>,
): Promise<void> {
  const frozen: Frozen[] = [];
  const away: Away[] = [];
  try {
    // All before one ends: whoever waits for its locks would have them.
    for (const vm of vms) {
      // One that has just ended by itself has another coming, in a turn after this.
      if (await isServed(vm)) frozen.push({ vm, connection: await freeze(vm) });
    }
    for (const one of frozen) away.push(await takeAway(context, one));
    await work();
  } finally {
    await comeBack(context, away);
    // What is frozen under a lease and still there goes on.
    for (const { connection } of frozen) connection[Symbol.dispose]();
  }
}

/** Should we end meanwhile it goes on; and once it is gone its ledger tells the next one. */
async function freeze(vm: Vm): Promise<ControlConnection> {
  let connection: ControlConnection | undefined;
  try {
    connection = await ControlConnection.open(controlSocket(vm), { deadlineMs: 0 });
    await connection.ask("freeze", { words: { lease: "1" }, deadlineMs: FREEZE_DEADLINE_MS });
    return connection;
  } catch (error) {
    connection?.[Symbol.dispose]();
    throw new FastvmError("volume_busy", "a VM that has it does not let it go", { cause: error });
  }
}

async function takeAway(context: VolumeServerContext, { vm, connection }: Frozen): Promise<Away> {
  const folder = await mkdtemp(join(vm.folder, RUN_FOLDER, "table-"));
  try {
    const stored = await saveTable(connection, folder);
    await endVolumeServer(context, vm);
    return { vm, table: { folder, stored, locks: "reclaim" } };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** All at once, as one that waits for a lock would get it before its holder is back. One that does not come is revived as any other. */
async function comeBack(context: VolumeServerContext, away: readonly Away[]): Promise<void> {
  const ready = away.map(() => Promise.withResolvers<void>());
  const all = Promise.all(ready.map(({ promise }) => promise));
  await Promise.all(
    away.map(async ({ vm, table }, at) => {
      const beforeThaw = (): Promise<unknown> => {
        ready[at]?.resolve();
        return all;
      };
      try {
        await startVolumeServer(context, vm, { table, mounts: vm.record.volumes ?? [], beforeThaw });
        await vm.update({});
      } catch (error) {
        context.onError(error);
      } finally {
        ready[at]?.resolve();
        await rm(table.folder, { recursive: true, force: true });
      }
    }),
  );
}
