/**
 * What is done with files in VMs that run, for whoever was let to the VM (`Vms.getRunning`). Paths are absolute; what they must not be is
 * refused here with the field that has them, since a guest would not say which.
 */
import {
  FastvmError,
  type CallOptions,
  type FileEvent,
  type FileInfo,
  type FileInfoOptions,
  type FileListing,
  type FileModeOptions,
  type ListFilesOptions,
  type RecursiveOptions,
  type VmId,
} from "@fastvm/contract";
import type { Parts } from "../context.ts";

/** Linux takes one byte less. */
const MAX_PATH_BYTES = 4096;

export class GuestFiles {
  readonly #worker: Parts<"worker">["worker"];

  constructor({ worker }: Parts<"worker">) {
    this.#worker = worker;
  }

  info(vmId: VmId, path: string, options: FileInfoOptions): Promise<FileInfo> {
    return this.#worker.fileInfo(vmId, checkedFilePath(path), options);
  }

  list(vmId: VmId, path: string, options: ListFilesOptions): Promise<FileListing> {
    return this.#worker.listFiles(vmId, checkedFilePath(path), options);
  }

  /** Resolves to what was made. */
  async makeDir(vmId: VmId, path: string, options: FileModeOptions): Promise<FileInfo> {
    await this.#worker.makeFolder(vmId, checkedFilePath(path), options);
    return await this.#worker.fileInfo(vmId, path, options);
  }

  remove(vmId: VmId, path: string, options: RecursiveOptions): Promise<void> {
    return this.#worker.removeFile(vmId, checkedFilePath(path), options);
  }

  /** Resolves to what it is under its new name. */
  async rename(vmId: VmId, path: string, newPath: string, options: CallOptions): Promise<FileInfo> {
    await this.#worker.renameFile(vmId, checkedFilePath(path), checkedFilePath(newPath, "newPath"), options);
    return await this.#worker.fileInfo(vmId, newPath, options);
  }

  async setMode(vmId: VmId, path: string, mode: number, options: CallOptions): Promise<FileInfo> {
    await this.#worker.setFileMode(vmId, checkedFilePath(path), mode, options);
    return await this.#worker.fileInfo(vmId, path, { ...options, followLinks: true });
  }

  read(vmId: VmId, path: string, options: CallOptions): Promise<AsyncIterable<Uint8Array>> {
    return this.#worker.readFile(vmId, checkedFilePath(path), options);
  }

  async write(
    vmId: VmId,
    path: string,
    content: AsyncIterable<Uint8Array>,
    { signal, mode }: FileModeOptions,
  ): Promise<FileInfo> {
    const whileAsked = signal === undefined ? {} : { signal };
    await this.#worker.writeFile(vmId, checkedFilePath(path), content, { mode, ...whileAsked });
    return await this.#worker.fileInfo(vmId, path, { ...whileAsked, followLinks: true });
  }

  watch(vmId: VmId, path: string, options: RecursiveOptions): Promise<AsyncIterable<FileEvent>> {
    return this.#worker.watchFiles(vmId, checkedFilePath(path), options);
  }
}

/** `field` names where it stands in what was asked. */
export function checkedFilePath(path: string, field = "path"): string {
  if (path.includes("\0")) throw invalid(field, "may not contain NUL");
  if (!path.startsWith("/")) throw invalid(field, "must be absolute");
  if (Buffer.byteLength(path) >= MAX_PATH_BYTES)
    throw invalid(field, `must be shorter than ${MAX_PATH_BYTES}`);
  return path;
}

function invalid(field: string, rule: string): FastvmError {
  return new FastvmError("invalid_request", `${field} ${rule}`, { field });
}
