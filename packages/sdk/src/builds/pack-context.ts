/** A folder of this machine as the context of a build: what `.dockerignore` leaves in, as a gzipped tar that streams. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FileTransferError } from "../files/file-transfer-error.ts";
import { packFiles } from "../files/tar-process.ts";
import { Dockerignore } from "./dockerignore.ts";

const IGNORE_FILE = ".dockerignore";
/** More names than this are a home folder that nobody meant to send. */
const MAX_FILES = 1_000_000;

/** `dockerfile`: relative to the folder, where it is in it. One that stands beside it, `NAME.dockerignore`, counts before the folder's. */
export async function packContext(
  folder: string,
  dockerfile?: string,
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  return packFiles(folder, await filesOf(folder, dockerfile));
}

/** Folders too, each before what is in it; relative to the context, with slashes. */
export async function filesOf(folder: string, dockerfile?: string): Promise<readonly string[]> {
  const own = dockerfile === undefined ? undefined : await read(join(folder, `${dockerfile}${IGNORE_FILE}`));
  return filesBelow(folder, own ?? (await readIgnored(folder, IGNORE_FILE)));
}

/** What a folder's own file says is to be left out. */
export async function readIgnored(folder: string, ignoreFile: string): Promise<string> {
  return (await read(join(folder, ignoreFile))) ?? "";
}

/** `ignored`: lines as of `.dockerignore`. */
export async function filesBelow(folder: string, ignored: string): Promise<readonly string[]> {
  const found: string[] = [];
  await walk(folder, "", new Dockerignore(ignored), found);
  return found;
}

async function walk(folder: string, below: string, ignore: Dockerignore, found: string[]): Promise<void> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch((cause: unknown) => {
    throw new FileTransferError(`There is no folder ${join(folder, below)} to send`, {
      code: "ENOENT",
      cause,
    });
  });
  // In one order everywhere, so that equal folders are equal archives.
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const isIn = !ignore.leavesOut(path);
    // Sockets and pipes would be waited for without end, and no image wants them.
    const isWanted = entry.isFile() || entry.isDirectory() || entry.isSymbolicLink();
    if (isIn && isWanted) found.push(path);
    if (found.length > MAX_FILES) {
      throw new FileTransferError(
        `${folder} has more than ${MAX_FILES} files; leave some out by ${IGNORE_FILE}`,
      );
    }
    if (entry.isDirectory() && (isIn || ignore.hasExceptions)) await walk(folder, path, ignore, found);
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
