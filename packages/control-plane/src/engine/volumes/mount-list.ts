/** What a VM is to have mounted: what was asked for, checked against the records, and what a snapshot had. */
import {
  FastvmError,
  MAX_MOUNT_PATH_BYTES,
  MAX_VM_VOLUMES,
  MOUNT_ROOTS,
  type ForkVolumes,
  type MountLimits,
  type MountOutcome,
  type MountSource,
  type OrgId,
  type VolumeId,
} from "@fastvm/contract";
import { posix } from "node:path";
import type { Records } from "../../store/records.ts";
import type { RecordedMount } from "../../store/vm-settings.ts";
import type { VolumeRecord } from "../../store/volume-repository.ts";
import { sourceMount } from "./source-mount.ts";

/** A mount in the words of whoever asks for it. */
export interface MountOrder extends MountLimits {
  /** By id, name or unique id prefix; unread where there is a source. */
  readonly volume: string;
  /** What is no volume. */
  readonly source?: MountSource | undefined;
  readonly mountPath: string;
  /** Who asks has looked at the path by rules of its own. */
  readonly isAnywhere?: boolean;
  /** Beneath the volume's root, normalised: what the VM sees of it. */
  readonly subpath?: string | undefined;
  /** Default: as the volume's access mode. */
  readonly readOnly?: boolean | undefined;
}

/** A volume of a snapshot that what is restored from it does without. */
export interface SkippedMount {
  readonly volumeId: VolumeId;
  readonly mountPath: string;
  readonly reason: "deleted" | "deleting" | "cross_org" | "vol_ro_ceiling_after_patch" | "in_use";
}

/** Call it in the transaction that makes or changes the VM's record. */
export async function orderedMounts(
  records: Records,
  orgId: OrgId,
  orders: readonly MountOrder[],
  beside: readonly RecordedMount[] = [],
): Promise<readonly RecordedMount[]> {
  const mounts: RecordedMount[] = [];
  for (const order of orders) {
    mounts.push(await orderedMount(records, orgId, order, [...beside, ...mounts]));
  }
  return mounts;
}

/** One more beside those that the VM has. */
export async function orderedMount(
  records: Records,
  orgId: OrgId,
  { volume: reference, source, mountPath, isAnywhere, subpath, readOnly, ...limits }: MountOrder,
  beside: readonly RecordedMount[],
): Promise<RecordedMount> {
  const placed = { mountPath: isAnywhere === true ? mountPath : checkedPath(mountPath), ...limits };
  if (source !== undefined) {
    const mount = { ...(await sourceMount(records, orgId, source)), ...placed, readOnly: readOnly ?? false };
    assertFitsBeside(mount, beside);
    return mount;
  }
  const volume = await records.volumes.find(orgId, reference);
  if (volume === undefined) {
    const quoted = JSON.stringify(reference.slice(0, 80));
    throw new FastvmError("not_found", `no volume has the id, name or unique id prefix ${quoted}`, {
      field: "volume",
    });
  }
  if (volume.status !== "ready") throw notReady(volume);
  if (readOnly === false && volume.accessMode === "ro") {
    throw new FastvmError(
      "invalid_request",
      `readOnly is false, and volume ${volume.name} is for reading only`,
      {
        field: "readOnly",
      },
    );
  }
  const mount = {
    volumeId: volume.id,
    ...placed,
    ...(subpath === undefined ? {} : { subpath }),
    readOnly: readOnly ?? volume.accessMode === "ro",
  };
  assertFitsBeside(mount, beside);
  if (volume.kind !== "disk") return mount;
  if (subpath !== undefined) {
    throw new FastvmError("invalid_request", "a disk is mounted whole", { field: "subpath" });
  }
  await assertNobodysDisk(records, volume);
  return { ...mount, isDisk: true };
}

/** One VM has a disk, running or paused. */
async function assertNobodysDisk(records: Records, { id, orgId }: VolumeRecord): Promise<void> {
  const owner = await ownerOf(records, orgId, id);
  if (owner === undefined) return;
  throw new FastvmError("volume_busy", `VM ${owner.name} has the disk`, { field: "volume" });
}

async function ownerOf(records: Pick<Records, "vms">, orgId: OrgId, id: VolumeId) {
  const vms = await records.vms.list(orgId, undefined);
  return vms.find(({ volumes }) => volumes.some(({ volumeId }) => volumeId === id));
}

export function notReady({ status, statusReason }: VolumeRecord): FastvmError {
  const reason = statusReason === null ? "" : ` (${statusReason})`;
  return new FastvmError("volume_not_ready", `it is ${status}${reason}`, { field: "volume" });
}

function checkedPath(path: string): string {
  const normal = posix.normalize(path).replace(/(?<=.)\/+$/, "");
  const isBelow = MOUNT_ROOTS.some((root) => normal === root || normal.startsWith(`${root}/`));
  const isPlain = !normal.includes("\0") && normal.isWellFormed();
  if (isBelow && isPlain && Buffer.byteLength(normal) <= MAX_MOUNT_PATH_BYTES) return normal;
  const accepted = `accepted is a folder beneath ${MOUNT_ROOTS.join(" or ")} of at most ${MAX_MOUNT_PATH_BYTES} bytes`;
  const quoted = JSON.stringify(path.slice(0, 80));
  throw new FastvmError("invalid_request", `mountPath ${quoted} is no place for a volume; ${accepted}`, {
    field: "mountPath",
  });
}

function assertFitsBeside(mount: RecordedMount, beside: readonly RecordedMount[]): void {
  const field = "mountPath";
  for (const other of beside) {
    if (other.volumeId === mount.volumeId) {
      throw new FastvmError("volume_busy", `the VM has it at ${other.mountPath} already`, {
        field: "volume",
      });
    }
    if (isWithin(mount.mountPath, other.mountPath) || isWithin(other.mountPath, mount.mountPath)) {
      const detail = `mountPath ${mount.mountPath} and ${other.mountPath} lie one within the other`;
      throw new FastvmError("invalid_request", detail, { field });
    }
  }
  if (beside.length >= MAX_VM_VOLUMES) {
    throw new FastvmError("conflict", `a VM has at most ${MAX_VM_VOLUMES} volumes`, { field: "volume" });
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Of what a snapshot had mounted, what there still is. */
export async function inheritedMounts(
  records: Records,
  orgId: OrgId,
  captured: readonly RecordedMount[],
): Promise<{ readonly mounts: readonly RecordedMount[]; readonly skipped: readonly SkippedMount[] }> {
  const mounts: RecordedMount[] = [];
  const skipped: SkippedMount[] = [];
  for (const { failure: _before, ...mount } of captured) {
    const { volumeId, mountPath, readOnly } = mount;
    const reason =
      mount.source === undefined
        ? (reasonToSkip(await records.volumes.get(volumeId), orgId, readOnly) ??
          (mount.isDisk === true && (await ownerOf(records, orgId, volumeId)) ? "in_use" : undefined))
        : undefined;
    if (reason === undefined) mounts.push(mount);
    else skipped.push({ volumeId, mountPath, reason });
  }
  return { mounts, skipped };
}

function reasonToSkip(
  volume: VolumeRecord | undefined,
  orgId: OrgId,
  readOnly: boolean,
): SkippedMount["reason"] | undefined {
  if (volume === undefined) return "deleted";
  if (volume.orgId !== orgId) return "cross_org";
  if (volume.status === "deleting") return "deleting";
  return volume.accessMode === "ro" && !readOnly ? "vol_ro_ceiling_after_patch" : undefined;
}

/** What the children of a fork have of it. */
export function forkedMounts(
  source: readonly RecordedMount[],
  policy: Exclude<ForkVolumes, "copy">,
): readonly RecordedMount[] {
  if (policy === "none") return [];
  // A disk is one VM's.
  const shared = source.filter(({ isDisk }) => isDisk !== true);
  return shared.map(({ failure: _before, ...mount }) => ({
    ...mount,
    // What is in the child's own memory is nobody else's.
    readOnly: mount.readOnly || (policy === "read-only" && mount.source?.kind !== "tmpfs"),
  }));
}

/** As the worker has told of them. What it says nothing of is as it was. */
export function afterStart(
  mounts: readonly RecordedMount[],
  outcomes: readonly MountOutcome[] | undefined,
): readonly RecordedMount[] {
  const told = new Map(outcomes?.map((outcome) => [outcome.volumeId, outcome]));
  return mounts.map((mount) => {
    const outcome = told.get(mount.volumeId);
    if (outcome === undefined) return mount;
    const { failure: _old, ...rest } = mount;
    return outcome.failure === undefined ? rest : { ...rest, failure: outcome.failure };
  });
}
