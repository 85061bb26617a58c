/** What a path or a body refers to, within the caller's organisation; another's things do not exist. */
import { FastvmError } from "@fastvm/contract";
import type { Caller } from "./caller.ts";
import type { Parts } from "./context.ts";
import type { SnapshotRecord } from "../store/snapshot-repository.ts";
import type { VmRecord } from "../store/vm-repository.ts";
import type { VolumeRecord } from "../store/volume-repository.ts";

/** Errors quote what they did not find, but not all of it. */
const MAX_QUOTED = 80;

/** By id, unique name or unique id prefix of at least 4 characters. */
export async function findVm(ctx: Parts<"store">, caller: Caller, reference: string): Promise<VmRecord> {
  const vm = await ctx.store.vms.find(caller.orgId, reference);
  if (vm === undefined) throw notFound("VM", reference, "vm");
  return vm;
}

export async function findSnapshot(
  ctx: Parts<"store">,
  caller: Caller,
  reference: string,
): Promise<SnapshotRecord> {
  const snapshot = await ctx.store.snapshots.find(caller.orgId, reference);
  if (snapshot === undefined) throw notFound("snapshot", reference, "snapshot");
  return snapshot;
}

/** By id, name or unique id prefix of at least 4 characters. */
export async function findVolume(
  ctx: Parts<"store">,
  caller: Caller,
  reference: string,
): Promise<VolumeRecord> {
  const volume = await ctx.store.volumes.find(caller.orgId, reference);
  if (volume === undefined) throw notFound("volume", reference, "volume");
  return volume;
}

export function notFound(what: string, reference: string, field: string): FastvmError {
  const quoted = JSON.stringify(reference.slice(0, MAX_QUOTED));
  return new FastvmError("not_found", `no ${what} has the id, name or unique id prefix ${quoted}`, { field });
}
