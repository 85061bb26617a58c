/** Buckets that VMs have mounted, as this API shows them: never with credentials. */
import type { BucketMount, BucketSource, VmId, VmStatus } from "@fastvm/contract";
import type { RecordedMount } from "../../../engine/engine.ts";
import { timestamp } from "./timestamp.ts";

type RecordedBucket = RecordedMount & { readonly source: BucketSource };

function isBucket(mount: RecordedMount): mount is RecordedBucket {
  return mount.source?.kind === "bucket";
}

export function bucketsIn(mounts: readonly RecordedMount[]): readonly RecordedBucket[] {
  return mounts.filter(isBucket);
}

/** Of what a VM or a snapshot has, all that has a place in the lists of volumes. */
export function volumesIn(mounts: readonly RecordedMount[]): readonly RecordedMount[] {
  return mounts.filter((mount) => !isBucket(mount));
}

export function bucketMountView(vmId: VmId, vmStatus: VmStatus, mount: RecordedBucket): BucketMount {
  const { volumeId: id, source, mountPath, readOnly, failure } = mount;
  const about = {
    id,
    vmId,
    bucketUri: source.uri,
    mountPath,
    createdAt: timestamp(source.createdAtMs),
    readOnly,
  };
  if (vmStatus !== "running") return { ...about, mountStatus: "pending" };
  if (failure === undefined) return { ...about, mountStatus: "mounted" };
  return { ...about, mountStatus: "failed", statusMessage: failure };
}

/** Of a snapshot. */
export function capturedBucketView({ source, mountPath, readOnly }: RecordedBucket) {
  return { bucketUri: source.uri, mountPath, readOnly };
}
