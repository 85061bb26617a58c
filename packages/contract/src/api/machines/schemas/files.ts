/** Files of a running machine. */
import { Type, type Static } from "typebox";
import { CLOSED, instant, maybe, oneOf, orNull } from "./parts.ts";

export const MachineFileSchema = Type.Object(
  {
    name: Type.String(),
    path: Type.String(),
    type: oneOf(["file", "directory", "symlink", "other"]),
    size: Type.Integer({ description: "In bytes." }),
    mode: Type.String({ description: "Permissions, octal." }),
    modified_at: instant("When it was last written."),
    link_target: orNull(Type.String({ description: "Of a link: what it says." })),
  },
  { title: "File" },
);
export type MachineFile = Static<typeof MachineFileSchema>;

export const MachineFileListSchema = Type.Object(
  {
    entries: Type.Array(MachineFileSchema, { description: "In the order of paths." }),
    has_more: Type.Boolean({ description: "Whether more come after the last of them." }),
  },
  { title: "FileList" },
);

const path = Type.String({ minLength: 1, description: "Absolute; not in `/workspace/.nullspace`." });
const permissions = Type.String({ pattern: "^[0-7]{3,4}$", description: "Octal, such as 0644." });

export const PathQuerySchema = Type.Object({ path });
export const ListFilesQuerySchema = Type.Object({
  path,
  depth: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 64,
      description: "Default 0: what is in the folder; 1: and in its folders.",
    }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: "Of a page; default 1000." })),
  after: Type.Optional(Type.String({ description: "Only what comes after this path." })),
});
export const RemoveFileQuerySchema = Type.Object({
  path,
  recursive: Type.Optional(Type.Boolean({ description: "With all that is below. Default false." })),
});
export const WriteFileQuerySchema = Type.Object({ path, mode: Type.Optional(permissions) });

export const MakeDirBodySchema = Type.Object(
  { path, mode: maybe(permissions) },
  { ...CLOSED, title: "MakeDirBody" },
);
export const RenameBodySchema = Type.Object({ path, new_path: path }, { ...CLOSED, title: "RenameBody" });
export const PermissionsBodySchema = Type.Object(
  { path, mode: permissions },
  { ...CLOSED, title: "PermissionsBody" },
);

export const RemovedSchema = Type.Object(
  { path: Type.String(), removed: Type.Literal(true) },
  { title: "Removed" },
);
