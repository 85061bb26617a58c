/**
 * VMs and snapshots that no record knows. They are kept as they are: after a database was
 * restored, or another one was asked, they may be all there are. They run on, count as taken room,
 * are told to whoever runs the host, and go when that person says so or after a stated time.
 */
import type { SnapshotId, VmId, WorkerInventory } from "@fastvm/contract";
import type { QuarantineEntry } from "../../store/quarantine-repository.ts";
import type { Parts } from "../context.ts";
import type { Settlement } from "./reconciler.ts";

type Strangers = Pick<WorkerInventory, "vms" | "snapshots">;

/** Notes who is new and who is known again; the result ends those whose time is over. */
export async function keepQuarantine(
  ctx: Parts<"clock" | "config" | "inflight" | "log" | "queue" | "store" | "worker">,
  strangers: Strangers,
): Promise<readonly Settlement[]> {
  const now = ctx.clock.now();
  const before = await ctx.store.quarantine.list();
  const { found, deleted } = await sortOut(ctx, entriesOf(strangers, now), before);
  const isThere = new Set(found.map(({ id }) => id));
  const isKnown = new Map(before.map((entry) => [entry.id, entry]));
  const gone = before.filter(({ id }) => !isThere.has(id));
  const changed = found.filter(({ id, memoryMib }) => isKnown.get(id)?.memoryMib !== memoryMib);
  if (gone.length > 0 || changed.length > 0) {
    await ctx.store.transaction(async (records) => {
      for (const { id } of gone) await records.quarantine.remove(id);
      for (const entry of changed) await records.quarantine.put(entry);
    });
  }
  for (const { kind, id } of changed.filter((entry) => !isKnown.has(entry.id))) {
    ctx.log.warn({ kind, id }, "no record knows it; it is kept in quarantine");
  }
  const isOver = ({ foundAt }: QuarantineEntry): boolean => foundAt + ctx.config.quarantineMs <= now;
  return [...deleted, ...before.filter((entry) => isThere.has(entry.id) && isOver(entry))].map((entry) => ({
    key: entry.id,
    settle: () => endQuarantined(ctx, entry),
  }));
}

/** A power cut brings back folders that were removed a moment before it: of those the history says that they were deleted. */
async function sortOut(
  ctx: Parts<"store">,
  strangers: readonly QuarantineEntry[],
  before: readonly QuarantineEntry[],
): Promise<{ readonly found: readonly QuarantineEntry[]; readonly deleted: readonly QuarantineEntry[] }> {
  const isKept = new Set(before.map(({ id }) => id));
  const found: QuarantineEntry[] = [];
  const deleted: QuarantineEntry[] = [];
  for (const entry of strangers) {
    const last = isKept.has(entry.id) ? undefined : (await ctx.store.events.listFor(entry.id)).at(-1);
    if (last?.toStatus === null) deleted.push(entry);
    else found.push(entry);
  }
  return { found, deleted };
}

/** It is gone when this resolves. */
export async function endQuarantined(
  ctx: Parts<"inflight" | "log" | "queue" | "store" | "worker">,
  { kind, id }: QuarantineEntry,
): Promise<void> {
  await ctx.inflight.hold(id, async () => {
    if (kind === "vm") await ctx.worker.deleteVm(id as VmId);
    else await ctx.worker.deleteSnapshot(id as SnapshotId);
    await ctx.store.quarantine.remove(id);
  });
  ctx.log.warn({ kind, id }, "what no record knew was ended");
  ctx.queue.wake();
}

function entriesOf({ vms, snapshots }: Strangers, foundAt: number): QuarantineEntry[] {
  return [
    ...vms.map((vm): QuarantineEntry => {
      // One that is paused takes no memory.
      return { id: vm.vmId, kind: "vm", foundAt, memoryMib: vm.status === "running" ? vm.memoryMib : 0 };
    }),
    ...snapshots.map((id): QuarantineEntry => ({ id, kind: "snapshot", foundAt, memoryMib: 0 })),
  ];
}
