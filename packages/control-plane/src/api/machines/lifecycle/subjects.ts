/** Whose events a client asks for: one machine's and its snapshots', those that it chose, or all. */
import { FastvmError, type VmId } from "@fastvm/contract";
import type { Caller, Engine } from "../../../engine/engine.ts";
import { hasPairs } from "../has-pairs.ts";
import { snapshotIdOf, vmIdOf } from "../ids.ts";

export interface Subjects {
  /** `undefined`: all. */
  readonly ids: readonly string[] | undefined;
  readonly vmOf: (snapshotId: string) => VmId | undefined;
  /** Whether an event of it could change what `ids` are: it was not there when they were looked up. */
  readonly isNew: (event: { readonly subjectKind: "vm" | "snapshot"; readonly subjectId: string }) => boolean;
}

/** What is not named is not chosen by. */
interface Chosen {
  readonly machine_id?: string | null | undefined;
  readonly snapshot_id?: string | null | undefined;
  readonly metadata?: Readonly<Record<string, string>> | null | undefined;
}

type Engines = Pick<Engine, "snapshots" | "history" | "vms">;

/**
 * Throws `machine_not_found` for an id under which nothing ever happened here. A machine that was destroyed has its events; its metadata
 * are known no more, but to who has chosen it by them `before`.
 */
export async function subjectsOf(
  engine: Engines,
  caller: Caller,
  { machineId, chosen = {}, before }: { machineId?: string | undefined; chosen?: Chosen; before?: Subjects },
): Promise<Subjects> {
  const snapshots = new Map<string, VmId>();
  for (const { id, vmId } of await engine.snapshots.list(caller)) snapshots.set(id, vmId);
  const withSnapshots = (vmIds: readonly string[]): string[] => [
    ...vmIds,
    ...[...snapshots].filter(([, of]) => vmIds.includes(of)).map(([id]) => id),
  ];
  const sets: string[][] = [];
  if (machineId !== undefined) sets.push(withSnapshots([await knownMachine(engine, caller, machineId)]));
  if (typeof chosen.machine_id === "string") sets.push(withSnapshots(one(vmIdOf(chosen.machine_id))));
  if (typeof chosen.snapshot_id === "string") sets.push(one(snapshotIdOf(chosen.snapshot_id)));
  const { metadata } = chosen;
  const vms = metadata == null ? [] : await engine.vms.list(caller);
  if (metadata != null) {
    const meant = vms.filter((vm) => hasPairs(vm.metadata, Object.entries(metadata))).map(({ id }) => id);
    sets.push([...withSnapshots(meant), ...(before?.ids ?? [])]);
  }
  const listed = new Set<string>(vms.map(({ id }) => id));
  return {
    ids:
      sets.length === 0 ? undefined : sets.reduce((some, others) => some.filter((id) => others.includes(id))),
    vmOf: (id) => snapshots.get(id),
    isNew: ({ subjectKind, subjectId }) =>
      subjectKind === "snapshot" ? !snapshots.has(subjectId) : metadata != null && !listed.has(subjectId),
  };
}

async function knownMachine(engine: Engines, caller: Caller, machineId: string): Promise<VmId> {
  const vmId = vmIdOf(machineId);
  const slice = { order: "asc", offset: 0, limit: 1 } as const;
  const known =
    vmId === undefined ? [] : await engine.history.find(caller.orgId, { subjectIds: [vmId] }, slice);
  if (vmId !== undefined && known.length > 0) return vmId;
  const quoted = JSON.stringify(machineId.slice(0, 80));
  throw new FastvmError("not_found", `no machine has or had the id ${quoted}`, { field: "vm" });
}

function one(id: string | undefined): string[] {
  return id === undefined ? [] : [id];
}
