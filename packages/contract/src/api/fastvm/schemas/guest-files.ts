/** Files of a VM, as its own system has them. */
import { Type, type Static } from "typebox";
import { nullable } from "./nullable.ts";

/** What a listing holds at most. */
const MAX_LIST_ENTRIES = 10_000;
const DEFAULT_LIST_ENTRIES = 1000;
/** Nobody nests folders deeper that a person looks at; a path of Linux has room for 2,048. */
const MAX_LIST_DEPTH = 2048;

const path = () => Type.String({ minLength: 1, description: "In the VM; relative to /root." });
const mode = (description: string) =>
  Type.Optional(nullable(Type.String({ pattern: "^[0-7]{3,4}$", description: `Octal. ${description}` })));
const recursive = (description: string) => Type.Optional(nullable(Type.Boolean({ description })));

export const ListFilesQuerySchema = Type.Object({
  path: path(),
  depth: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_LIST_DEPTH,
      default: 1,
      description: "2: with what is in its folders, and so on; 0: the folder itself.",
    }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_LIST_ENTRIES, default: DEFAULT_LIST_ENTRIES }),
  ),
  after: Type.Optional(Type.String({ description: "Only what comes after this `path` of an entry." })),
});

export const StatFileQuerySchema = Type.Object({
  path: path(),
  followLinks: Type.Optional(Type.Boolean({ description: "What a link leads to. Default: the link." })),
});

export const FileQuerySchema = Type.Object({ path: path() });

export const WriteFileQuerySchema = Type.Object({
  path: path(),
  mode: Type.Optional(
    Type.String({
      pattern: "^[0-7]{3,4}$",
      description: "Octal. Default: that of the file which is replaced, else 0644.",
    }),
  ),
});

export const WatchFilesQuerySchema = Type.Object({
  path: path(),
  recursive: Type.Optional(Type.Boolean({ description: "With all folders below. Default false." })),
});

export const MakeDirBodySchema = Type.Object(
  { path: path(), mode: mode("Default 0755.") },
  { title: "MakeDirBody" },
);

export const RemoveFileBodySchema = Type.Object(
  { path: path(), recursive: recursive("A folder with all that is in it. Default false.") },
  { title: "RemoveFileBody" },
);

export const RenameFileBodySchema = Type.Object(
  {
    path: path(),
    newPath: Type.String({ minLength: 1, description: "A file that is there is replaced." }),
  },
  { title: "RenameFileBody" },
);

export const CopyVolumeFileBodySchema = Type.Object(
  { path: path(), newPath: Type.String({ minLength: 1 }) },
  { title: "CopyVolumeFileBody" },
);

export const SetFileModeBodySchema = Type.Object(
  { path: path(), mode: Type.String({ pattern: "^[0-7]{3,4}$", description: "Octal." }) },
  { title: "SetFileModeBody" },
);

export const FileInfoSchema = Type.Object(
  {
    path: Type.String({ description: "Absolute. What is not UTF-8 in it is U+FFFD." }),
    name: Type.String({ description: "Its last part." }),
    type: Type.Unsafe<"file" | "directory" | "symlink" | "other">({
      type: "string",
      enum: ["file", "directory", "symlink", "other"],
    }),
    sizeBytes: Type.Integer(),
    mode: Type.String({ description: "Octal permission bits: `0644`." }),
    modifiedAt: Type.String({ format: "date-time" }),
    uid: Type.Integer(),
    gid: Type.Integer(),
    linkTarget: Type.Optional(Type.String({ description: "Of a symlink: what it says." })),
  },
  { title: "FileInfo" },
);
export type FileInfoView = Static<typeof FileInfoSchema>;

export const FileListSchema = Type.Object(
  {
    entries: Type.Array(FileInfoSchema),
    hasMore: Type.Boolean({ description: "More come after the last one's `path`." }),
  },
  { title: "FileList" },
);

export const FileEventSchema = Type.Object(
  {
    type: Type.Unsafe<"create" | "write" | "remove" | "rename" | "chmod" | "overflow" | "error">({
      type: "string",
      enum: ["create", "write", "remove", "rename", "chmod", "overflow", "error"],
      description:
        "`rename` comes for the old path and for the new one, each where it is watched. `overflow`: " +
        "events were lost. `error` is the last: the folder is gone, or the VM is.",
    }),
    path: Type.String({ description: "Empty of `overflow` and `error`." }),
    code: Type.Optional(Type.String({ description: "Of an `error`." })),
    message: Type.Optional(Type.String({ description: "Of an `error`." })),
  },
  { title: "FileEvent" },
);
export type FileEventView = Static<typeof FileEventSchema>;
