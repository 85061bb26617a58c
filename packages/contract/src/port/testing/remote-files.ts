/** For tests: the part of a worker in another process that is about files. What is told bit by bit is asked for bit by bit. */
import type { VmId } from "../../model/ids.ts";
import type { CallOptions } from "../call-options.ts";
import type {
  FileAccess,
  FileEvent,
  FileInfo,
  FileInfoOptions,
  FileListing,
  FileModeOptions,
  ListFilesOptions,
  RecursiveOptions,
} from "../file-access.ts";
import type { WirePeer } from "./wire-peer.ts";

type Told = "readFile" | "watchFiles";
type Verb = Exclude<keyof FileAccess, "writeFile">;

export class RemoteFiles implements Omit<FileAccess, "writeFile"> {
  readonly #peer: () => WirePeer;

  constructor(peer: () => WirePeer) {
    this.#peer = peer;
  }

  async fileInfo(vmId: VmId, path: string, options?: FileInfoOptions): Promise<FileInfo> {
    return (await this.#ask("fileInfo", [vmId, path], options)) as FileInfo;
  }

  async listFiles(vmId: VmId, path: string, options: ListFilesOptions): Promise<FileListing> {
    return (await this.#ask("listFiles", [vmId, path], options)) as FileListing;
  }

  async makeFolder(vmId: VmId, path: string, options?: FileModeOptions): Promise<void> {
    await this.#ask("makeFolder", [vmId, path], options);
  }

  async removeFile(vmId: VmId, path: string, options?: RecursiveOptions): Promise<void> {
    await this.#ask("removeFile", [vmId, path], options);
  }

  async renameFile(vmId: VmId, path: string, newPath: string, options?: CallOptions): Promise<void> {
    await this.#ask("renameFile", [vmId, path, newPath], options);
  }

  async setFileMode(vmId: VmId, path: string, mode: number, options?: CallOptions): Promise<void> {
    await this.#ask("setFileMode", [vmId, path, mode], options);
  }

  async readFile(vmId: VmId, path: string, options?: CallOptions): Promise<AsyncIterable<Uint8Array>> {
    return await this.#told("readFile", vmId, path, options);
  }

  async watchFiles(vmId: VmId, path: string, options?: RecursiveOptions): Promise<AsyncIterable<FileEvent>> {
    return await this.#told("watchFiles", vmId, path, options);
  }

  async #ask(verb: Verb, args: readonly unknown[], options: CallOptions = {}): Promise<unknown> {
    const { signal, ...rest } = options;
    return await this.#peer().call(`files.${verb}`, [...args, rest], signal);
  }

  async #told<T>(verb: Told, vmId: VmId, path: string, options: CallOptions = {}): Promise<AsyncIterable<T>> {
    const handle = await this.#ask(verb, [vmId, path], options);
    const ask = async (method: string, signal?: AbortSignal) =>
      (await this.#peer().call(method, [handle], signal)) as IteratorResult<T, undefined>;
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => ask("told.next", options.signal),
        return: () => ask("told.return"),
      }),
    };
  }
}

/** The other side. */
export class ServedFiles {
  readonly #files: FileAccess;
  readonly #told = new Map<number, AsyncIterator<unknown>>();
  #nextHandle = 1;

  constructor(files: FileAccess) {
    this.#files = files;
  }

  /** `undefined` for a method that is not about files. */
  handle(method: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> | undefined {
    if (method.startsWith("told.")) return this.#next(method, args[0] as number);
    if (!method.startsWith("files.")) return undefined;
    const options = { ...(args.at(-1) as CallOptions), signal };
    return this.#call(method.slice("files.".length) as Verb, [...args.slice(0, -1), options]);
  }

  async #call(verb: Verb, args: readonly unknown[]): Promise<unknown> {
    const call = this.#files[verb] as (...all: unknown[]) => Promise<unknown>;
    const answer = await call.apply(this.#files, [...args]);
    if (verb !== "readFile" && verb !== "watchFiles") return answer;
    this.#told.set(this.#nextHandle, (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]());
    return this.#nextHandle++;
  }

  async #next(method: string, handle: number): Promise<unknown> {
    const told = this.#told.get(handle);
    return method === "told.next" ? await told?.next() : await told?.return?.();
  }
}
