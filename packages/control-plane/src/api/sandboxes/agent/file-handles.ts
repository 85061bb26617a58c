/** Files and folders that a client has open. The engine knows files by their paths, so a handle is a path and what may be done with it. */
import { FastvmError } from "@fastvm/contract";

/** As the reference has it. */
const MAX_HANDLES = 1024;

interface OpenFile {
  readonly path: string;
  readonly appends: boolean;
  /** Of a folder that is read in pieces: the last that was told, and whether that was all. */
  after?: string | undefined;
  isRead?: boolean;
}

export class FileHandles {
  readonly #open = new Map<number, OpenFile>();
  #next = 1;

  /** Throws when too many are open. */
  add(file: OpenFile): number {
    if (this.#open.size >= MAX_HANDLES)
      throw new FastvmError("file_failed", "Too many open files (os error 24)");
    const handle = this.#next++;
    this.#open.set(handle, file);
    return handle;
  }

  get(handle: number | undefined): OpenFile {
    const file = handle === undefined ? undefined : this.#open.get(handle);
    if (file === undefined) throw new FastvmError("file_failed", `invalid handle: ${String(handle)}`);
    return file;
  }

  remove(handle: number | undefined): void {
    this.get(handle);
    if (handle !== undefined) this.#open.delete(handle);
  }
}
