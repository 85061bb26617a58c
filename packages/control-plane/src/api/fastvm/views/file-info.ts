/** A file of a VM as this API shows it: with its name, and its permissions in octal. */
import { posix } from "node:path";
import type { FileInfo, FileInfoView } from "@fastvm/contract";

const MODE_DIGITS = 4;

export function fileInfoView({ modifiedAtMs, mode, path, ...rest }: FileInfo): FileInfoView {
  return {
    path,
    name: posix.basename(path),
    mode: mode.toString(8).padStart(MODE_DIGITS, "0"),
    modifiedAt: new Date(modifiedAtMs).toISOString(),
    ...rest,
  };
}
