/** What the fake worker does with files. */
import type {
  CallOptions,
  FileAccess,
  FileEvent,
  FileInfo,
  FileListing,
  FileModeOptions,
  ListFilesOptions,
  RecursiveOptions,
  VmId,
} from "@fastvm/contract";
import { FakeFiles } from "./fake-files.ts";

type Admit = (method: keyof FileAccess, vmId: VmId, signal: AbortSignal | undefined) => Promise<void>;

export class FakeFileAccess implements FileAccess {
  readonly #admit: Admit;
  readonly #files = new FakeFiles();
  /** Files that were written, by VM and path. */
  readonly files = this.#files.contents;

  /** `admit` is given each call before it is answered, and rejects for one that fails. */
  constructor(admit: Admit) {
    this.#admit = admit;
  }

  async fileInfo(vmId: VmId, path: string, { signal }: CallOptions = {}): Promise<FileInfo> {
    return (await this.#enter("fileInfo", vmId, signal)).info(vmId, path);
  }

  async listFiles(vmId: VmId, path: string, options: ListFilesOptions): Promise<FileListing> {
    return (await this.#enter("listFiles", vmId, options.signal)).list(vmId, path, options);
  }

  async makeFolder(vmId: VmId, path: string, { mode, signal }: FileModeOptions = {}): Promise<void> {
    (await this.#enter("makeFolder", vmId, signal)).makeFolder(vmId, path, mode);
  }

  async removeFile(vmId: VmId, path: string, options: RecursiveOptions = {}): Promise<void> {
    (await this.#enter("removeFile", vmId, options.signal)).remove(vmId, path, options);
  }

  async renameFile(vmId: VmId, path: string, newPath: string, options: CallOptions = {}): Promise<void> {
    (await this.#enter("renameFile", vmId, options.signal)).rename(vmId, path, newPath);
  }

  async setFileMode(vmId: VmId, path: string, mode: number, { signal }: CallOptions = {}): Promise<void> {
    (await this.#enter("setFileMode", vmId, signal)).setMode(vmId, path, mode);
  }

  async readFile(vmId: VmId, path: string, { signal }: CallOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const content = (await this.#enter("readFile", vmId, signal)).read(vmId, path);
    return (async function* () {
      signal?.throwIfAborted();
      if (content.length > 0) yield content;
    })();
  }

  async watchFiles(
    vmId: VmId,
    path: string,
    options: RecursiveOptions = {},
  ): Promise<AsyncIterable<FileEvent>> {
    return (await this.#enter("watchFiles", vmId, options.signal)).watch(vmId, path, options);
  }

  async writeFile(
    vmId: VmId,
    path: string,
    content: AsyncIterable<Uint8Array>,
    { mode, signal }: FileModeOptions = {},
  ): Promise<void> {
    const files = await this.#enter("writeFile", vmId, signal);
    files.write(vmId, path, await whole(content, signal), mode);
  }

  async #enter(method: keyof FileAccess, vmId: VmId, signal: AbortSignal | undefined): Promise<FakeFiles> {
    await this.#admit(method, vmId, signal);
    return this.#files;
  }
}

/** All of what is to be written. */
export async function whole(
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const source = content[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  const fail = () => aborted.reject(signal?.reason);
  if (signal?.aborted === true) fail();
  signal?.addEventListener("abort", fail, { once: true });
  for (;;) {
    const next = await Promise.race([source.next(), aborted.promise]);
    if (next.done === true) return Buffer.concat(chunks);
    chunks.push(next.value);
  }
}
