/** What an operator names to be made an image of: opened once, and only where it lies in a folder that this is allowed of. */
import { constants, type Stats } from "node:fs";
import { open, realpath } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { FastvmError } from "@fastvm/contract";
import { isErrno } from "../../files/errno.ts";

export class ImportSource implements AsyncDisposable {
  readonly isFolder: boolean;
  readonly bytes: number;
  /** Its permissions. */
  readonly mode: number;
  readonly #handle: FileHandle;

  /** Rejects with `invalid_request` for what is not there, is neither a file nor a folder, or lies elsewhere, by whatever links. */
  static async open(path: string, allowed: readonly string[]): Promise<ImportSource> {
    await assertAllowed(path, path, allowed);
    // Whatever was put there meanwhile: a FIFO holds nobody, and a link leads to what is looked at once more.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await assertAllowed(path, `/proc/self/fd/${handle.fd}`, allowed);
      const found = await handle.stat();
      if (!found.isFile() && !found.isDirectory()) throw wrong(`${path} is neither a file nor a folder`);
      return new ImportSource(handle, found);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private constructor(handle: FileHandle, found: Stats) {
    this.#handle = handle;
    this.isFolder = found.isDirectory();
    this.bytes = found.size;
    this.mode = found.mode & 0o7777;
  }

  /** Of a file, once. */
  read(): AsyncIterable<Uint8Array> {
    return this.#handle.createReadStream({ autoClose: false });
  }

  /** For tools that this process starts: leads to what was opened, whatever lies at its path by now. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#handle.fd}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

async function assertAllowed(named: string, path: string, allowed: readonly string[]): Promise<void> {
  const real = await whole(path);
  if (real === undefined) throw wrong(`there is no ${named}`);
  for (const folder of allowed) {
    const above = await whole(folder);
    if (above !== undefined && (real === above || real.startsWith(above === "/" ? above : `${above}/`)))
      return;
  }
  throw wrong(`${named} is in no folder that images may be imported from (fastvm serve --allow-import)`);
}

async function whole(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

function wrong(detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field: "path" });
}
