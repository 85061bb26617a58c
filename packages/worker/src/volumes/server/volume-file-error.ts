/** What the system says of a file of a volume, in the words that files of VMs have. */
import { constants } from "node:os";
import { FastvmError, type ErrorCode } from "@fastvm/contract";

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "file_not_found",
  EEXIST: "file_exists",
  ENOTEMPTY: "folder_not_empty",
  ENOTDIR: "not_a_directory",
  EISDIR: "is_a_directory",
  EACCES: "permission_denied",
  EPERM: "permission_denied",
  EROFS: "permission_denied",
};

export class VolumeFileError extends FastvmError {
  readonly errno: string;

  constructor(errno: number | string, path?: string) {
    const name = typeof errno === "string" ? errno : (NAMES.get(errno) ?? `error ${errno}`);
    super(CODES[name] ?? "file_failed", path === undefined ? name : `${name}: ${path}`, { field: "path" });
    this.errno = name;
  }
}

/** With the path that it is about. */
export async function about<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof VolumeFileError ? new VolumeFileError(error.errno, path) : error;
  }
}
