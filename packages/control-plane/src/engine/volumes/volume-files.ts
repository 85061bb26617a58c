/** What is done with files of volumes, whether a VM has them or not. Paths are absolute, `/` being the volume. */
import type {
  CallOptions,
  FileEvent,
  FileInfo,
  FileInfoOptions,
  FileListing,
  FileModeOptions,
  ListFilesOptions,
  RecursiveOptions,
  VolumeId,
} from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { checkedFilePath } from "../files/guest-files.ts";
import { findVolume } from "../find.ts";
import { notReady } from "./mount-list.ts";
import { watchFolder } from "./watch-folder.ts";

/** Deeper than any path may be long. */
const MAX_DEPTH = 2048;

export class VolumeFilesByName {
  readonly #ctx: Parts<"store" | "worker">;

  constructor(ctx: Parts<"store" | "worker">) {
    this.#ctx = ctx;
  }

  async info(caller: Caller, volume: string, path: string, options: FileInfoOptions): Promise<FileInfo> {
    return this.#files.info(await this.#ready(caller, volume), checkedFilePath(path), options);
  }

  async list(caller: Caller, volume: string, path: string, options: ListFilesOptions): Promise<FileListing> {
    return this.#files.list(await this.#ready(caller, volume), checkedFilePath(path), options);
  }

  /** Resolves to what was made. */
  async makeDir(caller: Caller, volume: string, path: string, options: FileModeOptions): Promise<FileInfo> {
    const id = await this.#ready(caller, volume);
    await this.#files.makeFolder(id, checkedFilePath(path), options);
    return this.#files.info(id, path, options);
  }

  async remove(caller: Caller, volume: string, path: string, options: RecursiveOptions): Promise<void> {
    await this.#files.remove(await this.#ready(caller, volume), checkedFilePath(path), options);
  }

  /** Resolves to what it is under its new name. */
  async rename(
    caller: Caller,
    volume: string,
    path: string,
    newPath: string,
    options: CallOptions,
  ): Promise<FileInfo> {
    const id = await this.#ready(caller, volume);
    await this.#files.rename(id, checkedFilePath(path), checkedFilePath(newPath, "newPath"), options);
    return this.#files.info(id, newPath, options);
  }

  async setMode(
    caller: Caller,
    volume: string,
    path: string,
    mode: number,
    options: CallOptions,
  ): Promise<FileInfo> {
    const id = await this.#ready(caller, volume);
    await this.#files.setMode(id, checkedFilePath(path), mode, options);
    return this.#files.info(id, path, { ...options, followLinks: true });
  }

  /** Content and permissions of one file. */
  async copy(
    caller: Caller,
    volume: string,
    path: string,
    newPath: string,
    options: CallOptions,
  ): Promise<FileInfo> {
    const id = await this.#ready(caller, volume);
    const { mode } = await this.#files.info(id, checkedFilePath(path), { ...options, followLinks: true });
    const content = await this.#files.read(id, path, options);
    await this.#files.write(id, checkedFilePath(newPath, "newPath"), content, { mode, ...options });
    return this.#files.info(id, newPath, options);
  }

  async read(
    caller: Caller,
    volume: string,
    path: string,
    options: CallOptions,
  ): Promise<AsyncIterable<Uint8Array>> {
    return this.#files.read(await this.#ready(caller, volume), checkedFilePath(path), options);
  }

  async write(
    caller: Caller,
    volume: string,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: FileModeOptions,
  ): Promise<FileInfo> {
    const id = await this.#ready(caller, volume);
    await this.#files.write(id, checkedFilePath(path), content, options);
    const { mode: _mode, ...whileAsked } = options;
    return this.#files.info(id, path, { ...whileAsked, followLinks: true });
  }

  /** Resolves when what happens in the folder is told from then on, seen by looking at it over and over. */
  async watch(
    caller: Caller,
    volume: string,
    path: string,
    { recursive, signal }: { readonly recursive: boolean; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<FileEvent>> {
    const id = await this.#ready(caller, volume);
    const folder = checkedFilePath(path);
    const depth = recursive ? MAX_DEPTH : 1;
    const list = (limit: number, after: string | undefined) =>
      this.#files.list(id, folder, { depth, limit, after, signal });
    return watchFolder(list, signal);
  }

  get #files() {
    return this.#ctx.worker.volumes.files;
  }

  async #ready(caller: Caller, reference: string): Promise<VolumeId> {
    const volume = await findVolume(this.#ctx, caller, reference);
    if (volume.status !== "ready") throw notReady(volume);
    return volume.id;
  }
}
