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
import {
  DEFAULT_HOST_QUOTA_MIB,
  HOST_PERMISSIONS,
  FILE_SYSTEM_NAME,
  IMAGE_FORMATS,
  MAX_MOUNT_MIB,
  STAT_VIRTUALIZATIONS,
} from "../../../model/mount-source.ts";
import { nullable } from "./nullable.ts";
import { oneOf } from "./one-of.ts";
import { guards } from "./strict.ts";

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

const mib = (description: string) => Type.Integer({ minimum: 1, maximum: MAX_MOUNT_MIB, description });
const hostPath = (description: string) => Type.String({ minLength: 1, description });

const TmpfsSchema = Type.Object(
  { sizeMiB: Type.Optional(nullable(mib("Default: half of the VM's memory."))) },
  { description: "Files in the VM's own memory, gone with it." },
);

const HostSchema = Type.Object(
  {
    path: hostPath(
      "Absolute, beneath a folder that `fastvm serve --allow-mount` names; a folder or one file.",
    ),
    statVirtualization: Type.Optional(
      nullable(
        oneOf(
          STAT_VIRTUALIZATIONS,
          "Owners, modes and kinds: `strict` (default) keeps the VM's in an attribute, `relaxed` where that can be, `off` has the host's.",
        ),
      ),
    ),
    hostPermissions: Type.Optional(
      nullable(
        oneOf(
          HOST_PERMISSIONS,
          "What the host's files get of the VM's permissions: nothing (default), or the plain ones.",
        ),
      ),
    ),
    quotaMiB: Type.Optional(
      nullable(mib(`What all VMs together may add to it. Default ${DEFAULT_HOST_QUOTA_MIB}.`)),
    ),
  },
  { description: "A folder or a file of the host." },
);

const ImageSchema = Type.Object(
  {
    path: hostPath("Absolute, beneath a folder that `fastvm serve --allow-mount` names."),
    format: Type.Optional(
      nullable(oneOf(IMAGE_FORMATS, "Default: as its name ends, else `raw`. A `vmdk` is of one file.")),
    ),
    fstype: Type.Optional(
      nullable(
        Type.String({
          pattern: FILE_SYSTEM_NAME.source,
          description: "As the VM's kernel calls what is on it. Default: whichever takes it.",
        }),
      ),
    ),
  },
  {
    description: "A disk in a file of the host: with `readOnly` as it is, else a copy of the VM's own.",
  },
);

/** Of what is no volume. */
const sources = {
  tmpfs: Type.Optional(nullable(TmpfsSchema)),
  host: Type.Optional(nullable(HostSchema)),
  image: Type.Optional(nullable(ImageSchema)),
};

const limits = {
  noexec: Type.Optional(nullable(Type.Boolean({ description: "Nothing of it is executed. Default false." }))),
  nosuid: Type.Optional(
    nullable(Type.Boolean({ description: "Nothing of it lends rights. Default false; of a volume always." })),
  ),
  nodev: Type.Optional(
    nullable(Type.Boolean({ description: "Nothing of it is a device. Default false; of a volume always." })),
  ),
};

/** What is asked for, and what a snapshot has of its VM's. */
export const VolumeMountSchema = Type.Object(
  {
    volumeId: Type.String(),
    mountPath: mountPath(),
    readOnly: Type.Optional(nullable(Type.Boolean())),
    ...sources,
    ...limits,
  },
  { title: "VolumeMount" },
);

const attachment = {
  volumeId: Type.String({ description: "Of what is no volume: its own id, by which it is detached." }),
  mountPath: mountPath(),
  mountStatus: oneOf(MOUNT_STATUSES, "`pending`: the VM does not run."),
  readOnly: Type.Optional(Type.Boolean({ description: "Whether the host refuses the VM's writes." })),
  statusMessage: Type.Optional(Type.String({ description: "Why it is not mounted." })),
  ...sources,
  ...limits,
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
    volumeId: Type.Optional(
      nullable(
        Type.String({
          description:
            "Id, unique id prefix or name; needed where none of `tmpfs`, `host` and `image` is given.",
        }),
      ),
    ),
    mountPath: mountPath(),
    readOnly: Type.Optional(nullable(Type.Boolean({ description: "Default: as the volume's access mode." }))),
    ...sources,
    ...limits,
  },
  // What is absent lets more be done.
  { ...guards("noexec", "nosuid", "nodev", "readOnly"), title: "AttachVolumeBody" },
);
export type AttachVolumeBody = Static<typeof AttachVolumeBodySchema>;

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
