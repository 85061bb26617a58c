/** Local files that appear whole, with their mode and time, or not at all. */
import { randomBytes } from "node:crypto";
import { createWriteStream, open } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, rename, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { FileMetadata } from "./file-metadata.ts";
import { FileTransferError } from "./file-transfer-error.ts";
import { UNPACK_ONE_FILE } from "./tar-flavor.ts";
import { localTarFlavor, unpackInto } from "./tar-process.ts";

/** Until it has its own mode, nobody else reads it. */
const PRIVATE_MODE = 0o600;
/** Less what the process's umask takes, as for any new file. */
const DEFAULT_MODE = 0o666;

export async function writeWhole(
  localPath: string,
  chunks: AsyncIterable<Uint8Array>,
  metadata: FileMetadata | undefined,
): Promise<void> {
  const folder = dirname(localPath);
  await mkdir(folder, { recursive: true });
  // Not the file's own name with something added, which may be as long as names can be.
  const partial = join(folder, `.fastvm-${randomBytes(8).toString("hex")}.part`);
  try {
    const mode = metadata === undefined ? DEFAULT_MODE : PRIVATE_MODE;
    // By itself: a pipeline may fail while its stream is still to make the file, which would be there after it was removed.
    const fd = await promisify(open)(partial, "wx", mode);
    await pipeline(chunks, createWriteStream(partial, { fd }));
    if (metadata !== undefined) {
      await chmod(partial, metadata.mode);
      await utimes(partial, metadata.modified, metadata.modified);
    }
    await rename(partial, localPath);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** From an archive of one file, the only member that is looked at. */
export async function unpackWhole(
  localPath: string,
  archive: AsyncIterable<Uint8Array>,
  member: string,
  metadata: FileMetadata | undefined,
): Promise<void> {
  const folder = dirname(localPath);
  await mkdir(folder, { recursive: true });
  const made = await mkdtemp(join(folder, ".fastvm-"));
  try {
    await unpackInto(made, archive, (await localTarFlavor()) === "other" ? ["-p"] : UNPACK_ONE_FILE);
    const unpacked = join(made, member);
    // Whoever made the archive could have put a link under the file's name.
    const info = await lstat(unpacked);
    if (!info.isFile()) throw new FileTransferError(`What came for ${member} is no file`);
    if (metadata !== undefined) await chmod(unpacked, metadata.mode);
    await rename(unpacked, localPath);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
