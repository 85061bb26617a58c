/** A failure of a file as the published client reads it: the system's own words and number. */
import { asFastvmError } from "../../../engine/engine.ts";
import type { ErrorCode } from "@fastvm/contract";

const WORDS: Partial<Record<ErrorCode, string>> = {
  file_not_found: "No such file or directory (os error 2)",
  file_exists: "File exists (os error 17)",
  folder_not_empty: "Directory not empty (os error 39)",
  not_a_directory: "Not a directory (os error 20)",
  is_a_directory: "Is a directory (os error 21)",
  permission_denied: "Permission denied (os error 13)",
};

export function osError(step: string, error: unknown): string {
  const { code, detail, message } = asFastvmError(error);
  return `${step}: ${WORDS[code] ?? detail ?? message}`;
}
