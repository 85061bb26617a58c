/** Local files that are there whole, on the disk too, or as before: a call that breaks off, or a power cut, leaves no half of one. */
import { randomBytes } from "node:crypto";
import { realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const PRIVATE_MODE = 0o600;
const MODE_BITS = 0o777;
/** Less what the process's umask takes, as for any new file. */
export const DEFAULT_MODE = 0o666;

/** A file that is there keeps its mode; what is none, such as a pipe, is written to. */
export async function writeWholeFile(
  path: string,
  content: string | AsyncIterable<Uint8Array>,
  mode = PRIVATE_MODE,
): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && !there.isFile()) {
    await writeFile(path, content);
    return;
  }
  const target = there === undefined ? path : await realpath(path);
  // Not the file's own name with something added, which may be as long as names can be.
  const aside = join(dirname(target), `.fastvm-${randomBytes(8).toString("hex")}.part`);
  try {
    const own = there === undefined ? mode : there.mode & MODE_BITS;
    await writeFile(aside, content, { mode: own, flag: "wx", flush: true });
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
