/** The base image with packages of Debian's, made once: see the script. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readConfig } from "@fastvm/daemon";

const PROGRAM = fileURLToPath(new URL("./prepared-image.sh", import.meta.url));
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

/** Returns its folder, for a daemon's `imageDir`. */
export async function preparedImage(packages: readonly string[]): Promise<string> {
  const { cacheDir, imageDir } = readConfig({}, {});
  const { stdout } = await promisify(execFile)(PROGRAM, [cacheDir, imageDir, ...packages], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return stdout.trim();
}
