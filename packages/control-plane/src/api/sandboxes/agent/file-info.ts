/** What is told of a file: `info` of the wire. */
import type { FileInfo, FileType } from "@fastvm/contract";
import type { Payload } from "./frame.ts";

const KINDS: Readonly<Record<FileType, string>> = {
  file: "file",
  directory: "dir",
  symlink: "symlink",
  other: "other",
};

/** As `st_mode` has them, above the permissions. */
const FORMATS: Readonly<Record<FileType, number>> = {
  file: 0o100_000,
  directory: 0o040_000,
  symlink: 0o120_000,
  other: 0,
};

export function infoOf({ path, type, sizeBytes, mode, uid, gid, modifiedAtMs }: FileInfo): Payload {
  const seconds = BigInt(Math.floor(modifiedAtMs / 1000));
  return {
    path,
    kind: KINDS[type],
    size: BigInt(sizeBytes),
    mode: FORMATS[type] + mode,
    uid,
    gid,
    mtime: seconds,
    modified: seconds,
    atime: null,
  };
}
