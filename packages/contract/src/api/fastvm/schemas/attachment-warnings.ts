/** Of the answer to a launch alone: what the VM was to have mounted and has not. It runs all the same. */
import { Type, type Static } from "typebox";
import { oneOf } from "./one-of.ts";

const SKIPPED = ["deleted", "deleting", "cross_org", "vol_ro_ceiling_after_patch", "in_use"] as const;

const FailedVolumeSchema = Type.Object(
  { mountPath: Type.String(), volumeId: Type.String(), statusMessage: Type.String() },
  { title: "FailedVolume" },
);

const SkippedVolumeSchema = Type.Object(
  { mountPath: Type.String(), volumeId: Type.String(), reason: oneOf(SKIPPED) },
  { title: "SkippedVolume" },
);

export const AttachmentWarningsSchema = Type.Object(
  {
    failedVolumeAttachments: Type.Optional(Type.Array(FailedVolumeSchema)),
    skippedSnapshotVolumes: Type.Optional(Type.Array(SkippedVolumeSchema)),
  },
  { title: "AttachmentWarnings" },
);
export type AttachmentWarnings = Static<typeof AttachmentWarningsSchema>;
