/** A folder of a volume that is mounted instead of the whole. What lies in a volume is its guests' doing: no link leads anywhere. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";

/** `subpath` is normalised. Whoever opens what this resolves to follows no link either: between the two a guest may put one there. */
export async function folderBeneath(root: string, subpath: string): Promise<string> {
  const path = join(root, subpath);
  try {
    // A file is no folder: the name with a slash is not found.
    if ((await realpath(`${path}/`)) === path) return path;
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EACCES")) throw error;
  }
  throw new FastvmError("conflict", `the volume has no folder ${subpath}, or a link in its place`, {
    field: "subpath",
  });
}
