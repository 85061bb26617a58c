/** Of the answer to a launch alone: what the VM was to have mounted and has not. It runs all the same. */
import { Type, type Static } from "typebox";
import { oneOf } from "./one-of.ts";

const SKIPPED = ["deleted", "deleting", "cross_org", "vol_ro_ceiling_after_patch", "in_use"] as const;
/** Each begins what is said of a bucket that is to blame. */
export const BUCKET_REASONS = [
  "credentials_invalid",
  "bucket_unreachable",
  "credentials_unavailable",
] as const;

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

const SkippedBucketSchema = Type.Object(
  { mountPath: Type.String(), bucketUri: Type.String(), reason: oneOf(BUCKET_REASONS) },
  { title: "SkippedBucket" },
);

export const AttachmentWarningsSchema = Type.Object(
  {
    failedVolumeAttachments: Type.Optional(Type.Array(FailedVolumeSchema)),
    failedBucketMountAttachments: Type.Optional(Type.Array(FailedBucketSchema)),
    skippedSnapshotBucketMounts: Type.Optional(
      Type.Array(SkippedBucketSchema, {
        description:
          "Of what the snapshot had, where the launch named no others. The VM has them as `failed`; other credentials mount them.",
      }),
    ),
    skippedSnapshotVolumes: Type.Optional(Type.Array(SkippedVolumeSchema)),
  },
  { title: "AttachmentWarnings" },
);
export type AttachmentWarnings = Static<typeof AttachmentWarningsSchema>;
