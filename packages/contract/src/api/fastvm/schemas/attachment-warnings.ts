/** Of the answer to a launch alone: what the VM was to have mounted and has not. It runs all the same. */
import { Type, type Static } from "typebox";
import { oneOf } from "./one-of.ts";

const SKIPPED = ["deleted", "deleting", "cross_org", "vol_ro_ceiling_after_patch", "in_use"] as const;

const FailedVolumeSchema = Type.Object(
  { mountPath: Type.String(), volumeId: Type.String(), statusMessage: Type.String() },
  { title: "FailedVolume" },
);

const FailedBucketSchema = Type.Object(
  {
    mountPath: Type.String(),
    bucketUri: Type.String(),
    statusMessage: Type.String({
      description:
        "Begins with `credentials_invalid`, `credentials_unavailable` or `bucket_unreachable` where the bucket is to blame.",
    }),
  },
  { title: "FailedBucket" },
);

const SkippedVolumeSchema = Type.Object(
  { mountPath: Type.String(), volumeId: Type.String(), reason: oneOf(SKIPPED) },
  { title: "SkippedVolume" },
);

export const AttachmentWarningsSchema = Type.Object(
  {
    failedVolumeAttachments: Type.Optional(Type.Array(FailedVolumeSchema)),
    failedBucketMountAttachments: Type.Optional(Type.Array(FailedBucketSchema)),
    skippedSnapshotVolumes: Type.Optional(Type.Array(SkippedVolumeSchema)),
  },
  { title: "AttachmentWarnings" },
);
export type AttachmentWarnings = Static<typeof AttachmentWarningsSchema>;
