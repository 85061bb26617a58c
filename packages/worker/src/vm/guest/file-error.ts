/** What the guest's system answers about a file, in the words of the catalogue. */
import { FastvmError, type ErrorCode } from "@fastvm/contract";
import { GuestError } from "../../guest-link/guest-error.ts";

const CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ["ENOENT", "file_not_found"],
  ["EEXIST", "file_exists"],
  ["ENOTEMPTY", "folder_not_empty"],
  ["ENOTDIR", "not_a_directory"],
  ["EISDIR", "is_a_directory"],
  ["EACCES", "permission_denied"],
  ["EPERM", "permission_denied"],
  ["EROFS", "permission_denied"],
]);

/** Anything but an answer of the guest's is thrown as it came. */
export function asFileError(error: unknown): unknown {
  if (!(error instanceof GuestError)) return error;
  return new FastvmError(CODES.get(error.code) ?? "file_failed", error.message, {
    cause: error,
    field: "path",
  });
}
