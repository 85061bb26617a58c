/** Volumes, and what machines have of them. */
import { Type, type Static } from "typebox";
import {
  MAX_MOUNT_PATH_BYTES,
  MAX_VM_VOLUMES,
  MAX_VOLUME_GIB,
  VOLUME_STATUSES,
} from "../../../model/volume.ts";
import { CLOSED, instant, maybe, oneOf, orNull } from "./parts.ts";

const GIB = 1024 ** 3;
/** Its bytes are reserved on the host at once, so that nobody's default should be large. */
export const DEFAULT_VOLUME_BYTES = GIB;

const integer = (description: string) => Type.Integer({ description });

const VOLUME_FIELDS = {
  id: Type.String({ description: "`vol_…`." }),
  name: Type.String(),
  status: oneOf(VOLUME_STATUSES),
  mount_count: integer("Running machines that have it."),
  used_bytes: orNull(integer("What its files take; null where that is not known now.")),
  max_size_bytes: integer("What it can hold; reserved on the host."),
  created_at: instant("When it was made."),
};

export const MachineVolumeSchema = Type.Object(VOLUME_FIELDS, { title: "Volume" });
export type MachineVolume = Static<typeof MachineVolumeSchema>;

/** What `fields` may name. */
export const VOLUME_MASK = Object.keys(VOLUME_FIELDS) as readonly (keyof typeof VOLUME_FIELDS)[];

export const MaskedVolumeSchema = Type.Partial(Type.Object(VOLUME_FIELDS), {
  title: "MaskedVolume",
  description: "The fields that `fields` names, and no others.",
});

export const MachineVolumeListSchema = Type.Object(
  { volumes: Type.Array(Type.Union([MachineVolumeSchema, MaskedVolumeSchema])) },
  { title: "VolumeList" },
);

export const CreateMachineVolumeBodySchema = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 512,
      description: "Unique in the account; cut to 64 characters.",
    }),
    max_size_bytes: maybe(
      Type.Integer({
        minimum: 1,
        maximum: MAX_VOLUME_GIB * GIB,
        description: "Rounded up to whole GiB, and reserved on the host at once. Default 1 GiB.",
      }),
    ),
  },
  { ...CLOSED, title: "CreateVolumeBody" },
);

export const MachineMountSchema = Type.Object(
  {
    ref: Type.String({ minLength: 1, maxLength: 512, description: "A volume, by id or exact name." }),
    mount_path: Type.String({
      minLength: 1,
      maxLength: MAX_MOUNT_PATH_BYTES,
      description:
        "Absolute; not `/`, not of the system, not in `/workspace/.nullspace`. Made where it is missing.",
    }),
    subpath: maybe(
      Type.String({
        maxLength: MAX_MOUNT_PATH_BYTES,
        description: "A folder of the volume that is mounted instead of the whole; it must be there.",
      }),
    ),
    read_only: maybe(Type.Boolean({ description: "Default false." })),
  },
  { ...CLOSED, title: "VolumeMount" },
);
export type MachineMount = Static<typeof MachineMountSchema>;

export const MachineMountsSchema = Type.Array(MachineMountSchema, {
  maxItems: MAX_VM_VOLUMES,
  description:
    "What it mounts, each volume once; with `snapshot_id` in place of what the snapshot's machine had.",
});

const ATTACHMENT_STATES = [
  "requested",
  "mounting",
  "mounted",
  "paused",
  "remounting",
  "unmounted",
  "releasing",
  "released",
  "failed",
] as const;
export type AttachmentState = (typeof ATTACHMENT_STATES)[number];

export const MachineAttachmentSchema = Type.Object(
  {
    id: Type.String({ description: "`vat_…`, of this volume in this machine." }),
    volume_id: Type.String(),
    machine_id: Type.String(),
    mount_path: Type.String(),
    subpath: orNull(Type.String()),
    read_only: Type.Boolean(),
    status: oneOf(ATTACHMENT_STATES),
    last_error_code: orNull(Type.String()),
    last_error_message: orNull(Type.String({ description: "Why it is not mounted." })),
  },
  { title: "VolumeAttachment" },
);
export type MachineAttachment = Static<typeof MachineAttachmentSchema>;

export const MachineAttachmentListSchema = Type.Object(
  { attachments: Type.Array(MachineAttachmentSchema) },
  { title: "VolumeAttachmentList" },
);

export const AttachmentHealthSchema = Type.Object(
  {
    attachment_id: Type.String(),
    healthy: Type.Boolean(),
    status: oneOf(ATTACHMENT_STATES),
    last_error_code: orNull(Type.String()),
    last_error_message: orNull(Type.String()),
    checked_at: instant("Of this answer: the host was asked for it."),
  },
  { title: "AttachmentHealth" },
);

export const DeletedVolumeSchema = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { title: "DeletedVolume" },
);

export const DetachedVolumeSchema = Type.Object(
  { id: Type.String(), status: Type.Literal("released"), warnings: Type.Array(Type.String()) },
  { title: "DetachedVolume" },
);

export const DetachQuerySchema = Type.Object({
  force: Type.Optional(
    Type.Boolean({ description: "Also while programs have files of it open. Default false." }),
  ),
});
