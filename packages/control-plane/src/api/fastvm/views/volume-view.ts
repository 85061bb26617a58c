/** Volumes, and what VMs have of them, as this API shows them. */
import { BUCKET_REASONS } from "@fastvm/contract";
import type { AttachmentWarnings, MountSource, Volume, VmStatus, VmVolume } from "@fastvm/contract";
import type {
  Attachment,
  RecordedMount,
  SkippedMount,
  VmRecord,
  VolumeFigures,
} from "../../../engine/engine.ts";
import { bucketsIn, volumesIn } from "./bucket-mount-view.ts";
import { timestamp } from "./timestamp.ts";

const GIB = 1024 ** 3;
/** Of a GiB. */
const HUNDREDTH = 100;

export function volumeView({ volume, usedBytes, mountedCount }: VolumeFigures): Volume {
  const { statusReason, pendingSizeGib } = volume;
  return {
    id: volume.id,
    name: volume.name,
    orgId: volume.orgId,
    kind: volume.kind,
    sizeGiB: volume.sizeGib,
    accessMode: volume.accessMode,
    status: volume.status,
    ...(statusReason === null ? {} : { statusReason }),
    mountedCount,
    createdAt: timestamp(volume.createdAt),
    ...(pendingSizeGib === null ? {} : { pendingSizeGiB: pendingSizeGib }),
    ...(usedBytes === undefined ? {} : { usedGiB: Math.ceil((usedBytes / GIB) * HUNDREDTH) / HUNDREDTH }),
  };
}

export function mountView(mount: RecordedMount, vmStatus: VmStatus): VmVolume {
  const { failure } = mount;
  const about = whatIsMounted(mount);
  if (vmStatus !== "running") return { ...about, mountStatus: "pending" };
  if (failure === undefined) return { ...about, mountStatus: "mounted" };
  return { ...about, mountStatus: "failed", statusMessage: failure };
}

/** As it was asked for, and can be again. */
export function whatIsMounted({ volumeId, mountPath, readOnly, ...mount }: RecordedMount) {
  const { noexec, nosuid, nodev, source } = mount;
  return {
    volumeId,
    mountPath,
    readOnly,
    ...(noexec === true && { noexec }),
    ...(nosuid === true && { nosuid }),
    ...(nodev === true && { nodev }),
    ...(source && sourceView(source)),
  };
}

function sourceView(source: MountSource) {
  switch (source.kind) {
    case "tmpfs":
      return { tmpfs: { ...(source.sizeMib !== undefined && { sizeMiB: source.sizeMib }) } };
    case "host": {
      const { path, statVirtualization, hostPermissions, quotaMib } = source;
      return { host: { path, statVirtualization, hostPermissions, quotaMiB: quotaMib } };
    }
    case "image":
      return {
        image: {
          path: source.path,
          format: source.format,
          ...(source.fstype !== undefined && { fstype: source.fstype }),
        },
      };
    case "bucket":
      // They have routes of their own.
      return {};
    default:
      return source satisfies never;
  }
}

export function attachmentView({ vmId, vmStatus, mount }: Attachment) {
  return { vmId, ...mountView(mount, vmStatus) };
}

/** For the answer to a launch; `undefined` where all is as it was asked for. `isOfSnapshot`: its buckets are the snapshot's. */
export function attachmentWarnings(
  vm: VmRecord,
  skipped: readonly SkippedMount[],
  isOfSnapshot: boolean,
): AttachmentWarnings | undefined {
  const failed = volumesIn(vm.volumes).flatMap(({ volumeId, mountPath, failure }) =>
    failure === undefined ? [] : [{ volumeId, mountPath, statusMessage: failure }],
  );
  const { failedBuckets, skippedBuckets } = withoutBuckets(vm, isOfSnapshot);
  if ([failed, failedBuckets, skippedBuckets, skipped].every(({ length }) => length === 0)) return undefined;
  return {
    ...(failedBuckets.length === 0 ? {} : { failedBucketMountAttachments: failedBuckets }),
    ...(failed.length === 0 ? {} : { failedVolumeAttachments: failed }),
    ...(skippedBuckets.length === 0 ? {} : { skippedSnapshotBucketMounts: skippedBuckets }),
    ...(skipped.length === 0 ? {} : { skippedSnapshotVolumes: [...skipped] }),
  };
}

/** A snapshot's that is to blame itself is skipped; else the mount has failed. */
function withoutBuckets(vm: VmRecord, isOfSnapshot: boolean) {
  type Warnings = Required<AttachmentWarnings>;
  const failedBuckets: Warnings["failedBucketMountAttachments"] = [];
  const skippedBuckets: Warnings["skippedSnapshotBucketMounts"] = [];
  for (const { source, mountPath, failure } of bucketsIn(vm.volumes)) {
    if (failure === undefined) continue;
    const about = { bucketUri: source.uri, mountPath };
    const reason = BUCKET_REASONS.find((name) => failure.includes(`${name}: `));
    // What the worker's error says in general comes before.
    const statusMessage = reason === undefined ? failure : failure.slice(failure.indexOf(reason));
    if (isOfSnapshot && reason !== undefined) skippedBuckets.push({ ...about, reason });
    else failedBuckets.push({ ...about, statusMessage });
  }
  return { failedBuckets, skippedBuckets };
}
