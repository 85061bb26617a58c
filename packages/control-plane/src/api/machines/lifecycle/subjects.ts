/** Whose events a client asks for: one machine's and its snapshots', or all. */
import { FastvmError, type VmId } from "@fastvm/contract";
import type { Caller, Engine } from "../../../engine/engine.ts";
import { vmIdOf } from "../ids.ts";

export interface Subjects {
  /** `undefined`: all. */
  readonly ids: readonly string[] | undefined;
  readonly vmOf: (snapshotId: string) => VmId | undefined;
}

/** Throws `machine_not_found` for an id under which nothing ever happened here. A machine that was destroyed has its events. */
export async function subjectsOf(
  engine: Pick<Engine, "snapshots" | "history">,
  caller: Caller,
  machineId: string | undefined,
): Promise<Subjects> {
  const snapshots = new Map<string, VmId>();
  for (const { id, vmId } of await engine.snapshots.list(caller)) snapshots.set(id, vmId);
  const vmOf = (id: string) => snapshots.get(id);
  if (machineId === undefined) return { ids: undefined, vmOf };
  const vmId = vmIdOf(machineId);
  const slice = { order: "asc", offset: 0, limit: 1 } as const;
  const known =
    vmId === undefined ? [] : await engine.history.find(caller.orgId, { subjectIds: [vmId] }, slice);
  if (vmId === undefined || known.length === 0) {
    const quoted = JSON.stringify(machineId.slice(0, 80));
    throw new FastvmError("not_found", `no machine has or had the id ${quoted}`, { field: "vm" });
  }
  return { ids: [vmId, ...[...snapshots].filter(([, of]) => of === vmId).map(([id]) => id)], vmOf };
}
