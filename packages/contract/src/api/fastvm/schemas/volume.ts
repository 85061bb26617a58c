/** Volumes as the API shows them, and what a client says of one. */
import { Type, type Static } from "typebox";
import {
  MAX_VOLUME_GIB,
  MIN_VOLUME_GIB,
  MOUNT_STATUSES,
  VOLUME_ACCESS_MODES,
  VOLUME_KINDS,
  VOLUME_STATUSES,
} from "../../../model/volume.ts";
import { nullable } from "./nullable.ts";
import { oneOf } from "./one-of.ts";

const mountPath = () =>
  Type.String({ minLength: 1, description: "Where the VM sees it: a folder beneath `/mnt/` or `/data/`." });

const name = (description: string) => Type.String({ description });
const NAME = "Trimmed, white space collapsed, cut to 64 characters; unique in the organisation.";

const accessMode = oneOf(VOLUME_ACCESS_MODES, "`ro`: no VM writes to it.");

const kind = oneOf(
  VOLUME_KINDS,
  "`directory`: files that several VMs share. `disk`: a disk for one VM at a time.",
);

const sizeGiB = (description: string) =>
  Type.Integer({ minimum: MIN_VOLUME_GIB, maximum: MAX_VOLUME_GIB, description });

export const VolumeSchema = Type.Object(
  {
    id: Type.String({ description: "UUID." }),
    name: Type.String(),
    orgId: Type.String(),
    kind,
    sizeGiB: Type.Integer({ description: "Reserved on the host: what it may hold it can hold." }),
    accessMode,
    status: oneOf(VOLUME_STATUSES),
    statusReason: Type.Optional(Type.String({ description: "Why it is in `error`." })),
    mountedCount: Type.Integer({ description: "Running VMs that have it." }),
    createdAt: Type.String({ format: "date-time" }),
    pendingSizeGiB: Type.Optional(Type.Integer({ description: "While it grows: to what." })),
    usedGiB: Type.Optional(Type.Number({ description: "What its files take, to the hundredth." })),
  },
  { title: "Volume" },
);
export type Volume = Static<typeof VolumeSchema>;

export const CreateVolumeBodySchema = Type.Object(
  {
    name: name(NAME),
    sizeGiB: sizeGiB("Reserved on the host at once."),
    accessMode: Type.Optional(nullable(accessMode)),
    kind: Type.Optional(nullable(kind)),
  },
  { title: "CreateVolumeBody" },
);

export const UpdateVolumeBodySchema = Type.Object(
  {
    name: Type.Optional(nullable(name(NAME))),
    sizeGiB: Type.Optional(nullable(sizeGiB("Only larger; VMs that have it see it at once."))),
    accessMode: Type.Optional(nullable(accessMode)),
  },
  { title: "UpdateVolumeBody" },
);

/** What is asked for, and what a snapshot has of its VM's. */
export const VolumeMountSchema = Type.Object(
  { volumeId: Type.String(), mountPath: mountPath(), readOnly: Type.Optional(nullable(Type.Boolean())) },
  { title: "VolumeMount" },
);

const attachment = {
  volumeId: Type.String(),
  mountPath: mountPath(),
  mountStatus: oneOf(MOUNT_STATUSES, "`pending`: the VM does not run."),
  readOnly: Type.Optional(Type.Boolean({ description: "Whether the host refuses the VM's writes." })),
  statusMessage: Type.Optional(Type.String({ description: "Why it is not mounted." })),
};

/** A volume that a VM has. */
export const VmVolumeSchema = Type.Object(attachment, { title: "VmVolume" });
export type VmVolume = Static<typeof VmVolumeSchema>;

/** The same, of the volume. */
export const VolumeAttachmentSchema = Type.Object(
  { vmId: Type.String(), ...attachment },
  { title: "VolumeAttachment" },
);

export const AttachVolumeBodySchema = Type.Object(
  {
    volumeId: Type.String({ description: "Id, unique id prefix or name." }),
    mountPath: mountPath(),
    readOnly: Type.Optional(nullable(Type.Boolean({ description: "Default: as the volume's access mode." }))),
  },
  { title: "AttachVolumeBody" },
);

export const DetachVolumeQuerySchema = Type.Object({
  force: Type.Optional(
    Type.Boolean({
      description:
        "Also while the VM has files of it open, which are then answered by errors. Default false.",
    }),
  ),
});

const DetachmentWarningSchema = Type.Object(
  { type: oneOf(["ack_timeout", "guest_unresponsive"]), message: Type.String() },
  { title: "DetachmentWarning" },
);

export const DetachmentSchema = Type.Object(
  { detached: Type.Boolean(), warnings: Type.Optional(Type.Array(DetachmentWarningSchema)) },
  { title: "Detachment" },
);
