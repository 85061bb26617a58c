/** Volumes, and what VMs have of them, as this API shows them. */
import type { MountSource, Volume, VmStatus, VmVolume } from "@fastvm/contract";
import type {
  Attachment,
  RecordedMount,
  SkippedMount,
  VmRecord,
  VolumeFigures,
} from "../../../engine/engine.ts";
import type { AttachmentWarnings } from "@fastvm/contract";
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

/** For the answer to a launch; `undefined` where all is as it was asked for. */
export function attachmentWarnings(
  vm: VmRecord,
  skipped: readonly SkippedMount[],
): AttachmentWarnings | undefined {
  const failed = volumesIn(vm.volumes).flatMap(({ volumeId, mountPath, failure }) =>
    failure === undefined ? [] : [{ volumeId, mountPath, statusMessage: failure }],
  );
  const failedBuckets = bucketsIn(vm.volumes).flatMap(({ source, mountPath, failure }) =>
    failure === undefined ? [] : [{ bucketUri: source.uri, mountPath, statusMessage: failure }],
  );
  if (failed.length === 0 && failedBuckets.length === 0 && skipped.length === 0) return undefined;
  return {
    ...(failedBuckets.length === 0 ? {} : { failedBucketMountAttachments: failedBuckets }),
    ...(failed.length === 0 ? {} : { failedVolumeAttachments: failed }),
    ...(skipped.length === 0 ? {} : { skippedSnapshotVolumes: [...skipped] }),
  };
}
