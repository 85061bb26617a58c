/** Local files that are there whole, on the disk too, or as before: a call that breaks off, or a power cut, leaves no half of one. */
import { randomBytes } from "node:crypto";
import { open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const PRIVATE_MODE = 0o600;
const MODE_BITS = 0o777;
/** Less what the process's umask takes, as for any new file. */
export const DEFAULT_MODE = 0o666;

interface WholeFileOptions {
  /** Of a new file. Default: its owner's alone. */
  readonly mode?: number;
  /** Of a file that is there, which others may have been let at: `kept` by default; `replaced` for what holds keys. */
  readonly existingMode?: "kept" | "replaced";
}

/** What is no file, such as a pipe, is written to. */
export async function writeWholeFile(
  path: string,
  content: string | AsyncIterable<Uint8Array>,
  { mode = PRIVATE_MODE, existingMode = "kept" }: WholeFileOptions = {},
): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && !there.isFile()) {
    await writeFile(path, content);
    return;
  }
  const target = there === undefined ? path : await realpath(path);
  // Not the file's own name with something added, which may be as long as names can be.
  const aside = join(dirname(target), `.fastvm-${randomBytes(8).toString("hex")}.part`);
  const kept = existingMode === "kept" && there !== undefined ? there.mode & MODE_BITS : undefined;
  try {
    await using file = await open(aside, "wx", kept ?? mode);
    // Of what was there the umask takes nothing.
    if (kept !== undefined) await file.chmod(kept);
    await file.writeFile(content);
    await file.sync();
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
