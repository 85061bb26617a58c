/** Volumes as the published client knows them, and files in them. */
import { Type, type Static } from "typebox";
import { MAX_VOLUME_GIB, MIN_VOLUME_GIB } from "../../../model/volume.ts";
import { CLOSED, instant, maybe, oneOf, orNull, storageMib, strings } from "./parts.ts";

export const SandboxVolumeSchema = Type.Object(
  {
    id: Type.String({ description: "UUID." }),
    name: orNull(Type.String()),
    kind: oneOf(["managed", "host"]),
    status: oneOf(["active", "deleting"]),
    used_bytes: orNull(Type.Integer()),
    capacity_bytes: orNull(Type.Integer()),
    labels: strings("As it was made with."),
    created_at: instant(""),
    updated_at: instant(""),
  },
  { title: "Volume" },
);
export type SandboxVolume = Static<typeof SandboxVolumeSchema>;

export const SandboxVolumeListSchema = Type.Array(SandboxVolumeSchema);

export const CreateSandboxVolumeSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    labels: Type.Optional(
      Type.Unsafe<Readonly<Record<string, string>> | readonly (readonly [string, string])[]>({
        type: ["object", "array"],
        additionalProperties: { type: "string" },
        items: { type: "array", items: { type: "string" }, minItems: 2, maxItems: 2 },
        description: "For whoever lists volumes. The local client has them as pairs.",
      }),
    ),
    capacity_gib: maybe(
      Type.Integer({ minimum: MIN_VOLUME_GIB, maximum: MAX_VOLUME_GIB, description: "Default 4." }),
    ),
    kind: Type.Optional(
      oneOf(
        ["Directory", "Disk", "directory", "disk"],
        "Of a `VolumeSpec`, as what follows. Default `Directory`.",
      ),
    ),
    quota_mib: maybe(storageMib("Of a directory, to the next GiB.")),
    capacity_mib: maybe(storageMib("Of a disk, which must say it, to the next GiB.")),
  },
  { ...CLOSED, title: "CreateVolumeBody" },
);
export type CreateSandboxVolume = Static<typeof CreateSandboxVolumeSchema>;

const VolumeFileSchema = Type.Object(
  {
    path: Type.String(),
    kind: oneOf(["file", "directory"]),
    size: Type.Integer(),
    mode: Type.Integer({ description: "Permission bits." }),
    uid: Type.Integer(),
    gid: Type.Integer(),
    readonly: Type.Boolean({ description: "Whether its owner may not write." }),
    modified_at: instant(""),
  },
  { title: "VolumeFile" },
);
export type VolumeFileView = Static<typeof VolumeFileSchema>;

export const VolumeFileListSchema = Type.Object(
  { entries: Type.Array(VolumeFileSchema) },
  { title: "VolumeFileList" },
);
export const VolumeFileStatSchema = Type.Object({ metadata: VolumeFileSchema }, { title: "VolumeFileStat" });
export const VolumeFileExistsSchema = Type.Object({ exists: Type.Boolean() }, { title: "VolumeFileExists" });

const path = () => Type.String({ minLength: 1, description: "Absolute; `/` is the volume." });
export const MakeVolumeFolderSchema = Type.Object({ path: path() }, { ...CLOSED, title: "MakeFolderBody" });
export const MoveVolumeFileSchema = Type.Object(
  { from: path(), to: path() },
  { ...CLOSED, title: "MoveBody" },
);
