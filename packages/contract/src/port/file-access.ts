/**
 * What is done with files of a running VM, as its root, by the agent alone: a guest needs neither a shell nor
 * programs for it. Paths are absolute.
 *
 * Each rejects as `GuestAccess` says, and with what the guest's system answers: `file_not_found`, `file_exists`,
 * `folder_not_empty`, `not_a_directory`, `is_a_directory`, `permission_denied`, or `file_failed` with its reason.
 * A name that is not UTF-8 is told with U+FFFD in it, and cannot be asked for.
 */
import type { VmId } from "../model/ids.ts";
import type { CallOptions } from "./call-options.ts";

export interface FileAccess {
  /** Of a symbolic link itself, unless `followLinks`. */
  fileInfo(vmId: VmId, path: string, options?: FileInfoOptions): Promise<FileInfo>;

  /** What is in a folder, links not followed; a page of it, in the order of paths. */
  listFiles(vmId: VmId, path: string, options: ListFilesOptions): Promise<FileListing>;

  /** With those above it. `file_exists` for whatever is there already, a folder too. */
  makeFolder(vmId: VmId, path: string, options?: FileModeOptions): Promise<void>;

  /** A file, a link (not what it leads to) or a folder: an empty one, unless `recursive`. Aborted, a part of it may be gone. */
  removeFile(vmId: VmId, path: string, options?: RecursiveOptions): Promise<void>;

  /** As rename(2) does, which replaces a file; the folders above the new path are made. Across filesystems it is `file_failed`. */
  renameFile(vmId: VmId, path: string, newPath: string, options?: CallOptions): Promise<void>;

  /** Permission bits, of what a link leads to. */
  setFileMode(vmId: VmId, path: string, mode: number, options?: CallOptions): Promise<void>;

  /**
   * Resolves when the file is open and its first bytes are here. Iterating yields it as fast as it is taken, and throws
   * when the guest is lost or the signal aborts. Whoever does not iterate to the end ends the iteration, or aborts.
   */
  readFile(vmId: VmId, path: string, options?: CallOptions): Promise<AsyncIterable<Uint8Array>>;

  /**
   * Whole or not at all; folders above it are made. What is there keeps its owner, and its mode unless another is given. Rejects with the
   * source's error when that fails. Aborted in its last moment it may be there all the same, and then is whole.
   */
  writeFile(
    vmId: VmId,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options?: FileModeOptions,
  ): Promise<void>;

  /**
   * Resolves when all that happens in the folder from then on is told. Iterating yields it, and ends with
   * `file_not_found` when the folder is gone. A reader that does not read costs events, of which an `overflow` tells,
   * not memory. To be ended as `readFile` is.
   */
  watchFiles(vmId: VmId, path: string, options?: RecursiveOptions): Promise<AsyncIterable<FileEvent>>;
}

export interface FileInfoOptions extends CallOptions {
  readonly followLinks?: boolean;
}

export interface FileModeOptions extends CallOptions {
  /** Permission bits; default 0755 for folders, 0644 for files. */
  readonly mode?: number | undefined;
}

export interface RecursiveOptions extends CallOptions {
  /** With all that is below. Default false. */
  readonly recursive?: boolean | undefined;
}

export interface ListFilesOptions extends CallOptions {
  /** Entries of a page. */
  readonly limit: number;
  /** Only what comes after this path. */
  readonly after?: string | undefined;
  /** 1: what is in the folder; 2: and in its folders, and so on; 0: the folder itself. Default 1. */
  readonly depth?: number | undefined;
}

export interface FileListing {
  readonly entries: readonly FileInfo[];
  /** Whether more come after the last of them. */
  readonly hasMore: boolean;
}

export interface FileInfo {
  readonly path: string;
  readonly type: FileType;
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a link: what it says, which may lead nowhere. */
  readonly linkTarget?: string;
}

export type FileType = "file" | "directory" | "symlink" | "other";

/**
 * `rename` is told for the old path and for the new one, in this order, each where it is watched; `overflow` means
 * that events were lost, and has no path.
 */
export type FileEventType = "create" | "write" | "remove" | "rename" | "chmod" | "overflow";

export interface FileEvent {
  readonly type: FileEventType;
  /** Empty of an overflow. */
  readonly path: string;
}
