/**
 * Names of machines, snapshots and volumes, which are those of the engine written anew: nothing need be kept of them.
 *
 *     mch_<32 hex>          the VM of that id, in its first life
 *     mch_<32 hex>_<n>      in its nth: each resume begins an execution with an id of its own, and the earlier ones lead to it
 *     snap_<32 hex>         a snapshot: machines are created from it
 *     snap_<32 hex>_p<n>    the VM's nth pause: it is resumed
 *     vol_<32 hex>          a volume
 *     vat_<32 hex>_<32 hex> what a VM has of a volume: the volume's digits, then the VM's
 */
import { FastvmError, type SnapshotId, type VmId } from "@fastvm/contract";
import type { Caller, Engine, SnapshotRecord, VmRecord, VolumeFigures } from "../../engine/engine.ts";

const MACHINE = /^mch_([0-9a-f]{32})(?:_([1-9]\d{0,8}))?$/;
const SNAPSHOT = /^snap_([0-9a-f]{32})$/;
const PAUSE = /^snap_([0-9a-f]{32})_p([1-9]\d{0,8})$/;

const VOLUME = /^vol_([0-9a-f]{32})$/;

/** Errors quote what they did not find, but not all of it. */
const MAX_QUOTED = 80;

export function machineId({ id, generation }: Pick<VmRecord, "id" | "generation">): string {
  return `${firstMachineId(id)}${generation > 1 ? `_${generation}` : ""}`;
}

/** Of the VM's first execution, which leads to whatever it runs as now. */
export function firstMachineId(id: string): string {
  return `mch_${id.replaceAll("-", "")}`;
}

export function snapshotId({ id }: Pick<SnapshotRecord, "id">): string {
  return `snap_${id.replaceAll("-", "")}`;
}

export function volumeId(id: string): string {
  return `vol_${id.replaceAll("-", "")}`;
}

export function attachmentId(volume: string, vm: string): string {
  return `vat_${volume.replaceAll("-", "")}_${vm.replaceAll("-", "")}`;
}

export function pauseId({ id, pauseCount }: Pick<VmRecord, "id" | "pauseCount">): string {
  return `snap_${id.replaceAll("-", "")}_p${pauseCount}`;
}

type Engines = Pick<Engine, "vms" | "snapshots">;

/** By any id that the machine has or had. */
export async function findMachine(engine: Engines, caller: Caller, id: string): Promise<VmRecord> {
  const vm = await findMachineIfAny(engine, caller, id);
  if (vm === undefined) throw notFound("machine", id, "vm");
  return vm;
}

export async function findMachineIfAny(
  { vms }: Engines,
  caller: Caller,
  id: string,
): Promise<VmRecord | undefined> {
  const [, hex, generation = "1"] = MACHINE.exec(id) ?? [];
  const vm = hex === undefined ? undefined : await orNone(vms.get(caller, uuidOf(hex)));
  return vm === undefined || Number(generation) > vm.generation ? undefined : vm;
}

/** The machine of a pause, as long as no later pause took its place; one that was resumed meanwhile runs. */
export async function findPaused({ vms }: Engines, caller: Caller, id: string): Promise<VmRecord> {
  const [, hex, pause] = PAUSE.exec(id) ?? [];
  const vm = hex === undefined ? undefined : await orNone(vms.get(caller, uuidOf(hex)));
  if (vm === undefined || Number(pause) !== vm.pauseCount) throw notFound("snapshot", id, "snapshot");
  return vm;
}

export async function findReusable(
  { snapshots }: Engines,
  caller: Caller,
  id: string,
): Promise<SnapshotRecord> {
  const [, hex] = SNAPSHOT.exec(id) ?? [];
  const found = hex === undefined ? undefined : await orNone(snapshots.get(caller, uuidOf(hex)));
  if (found === undefined) throw notFound("snapshot", id, "snapshot");
  return found;
}

/** By id or exact name. */
export async function findVolume(
  { volumes }: Pick<Engine, "volumes">,
  caller: Caller,
  reference: string,
): Promise<VolumeFigures> {
  const [, hex] = VOLUME.exec(reference) ?? [];
  const found = await orNone(volumes.get(caller, hex === undefined ? reference : uuidOf(hex)));
  const isMeant = found !== undefined && (hex !== undefined || found.volume.name === reference);
  if (!isMeant) throw notFound("volume", reference, "volume");
  return found;
}

export function isReusable(id: string): boolean {
  return SNAPSHOT.test(id);
}

export function isPause(id: string): boolean {
  return PAUSE.test(id);
}

/** The VM that an id names, whether there is one or not. */
export function vmIdOf(id: string): VmId | undefined {
  const [, hex] = MACHINE.exec(id) ?? [];
  return hex === undefined ? undefined : (uuidOf(hex) as VmId);
}

/** The reusable snapshot that an id names, whether there is one or not. */
export function snapshotIdOf(id: string): SnapshotId | undefined {
  const [, hex] = SNAPSHOT.exec(id) ?? [];
  return hex === undefined ? undefined : (uuidOf(hex) as SnapshotId);
}

function uuidOf(hex: string): VmId | SnapshotId {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") as VmId | SnapshotId;
}

async function orNone<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof FastvmError && error.code === "not_found") return undefined;
    throw error;
  }
}

export function notFound(what: string, id: string, field: string): FastvmError {
  return new FastvmError("not_found", `no ${what} has the id ${JSON.stringify(id.slice(0, MAX_QUOTED))}`, {
    field,
  });
}
