/** `machine.files`: files of a running machine, without its shell. */
import type { Content } from "../http/http-client.ts";
import { contentOf, wholeOf } from "../files/read-content.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import { MachineError, machineErrorOf } from "./machine-error.ts";
import { DirWatch } from "./dir-watch.ts";
import { uploadDir, type UploadDirOptions, type UploadedDir } from "./upload-dir.ts";
import { uploadFile, type UploadFileOptions } from "./upload-file.ts";
import type {
  MachineFile,
  MachineUpload,
  ReplaceParams,
  ReplaceResult,
  SearchParams,
  SearchResult,
  TransferUrl,
} from "./types.ts";

/** Of a list, as many as the server gives at once. */
const PAGE = 1000;

interface FileList {
  readonly entries: readonly MachineFile[];
  readonly hasMore: boolean;
}

interface ModeOptions extends CallOptions {
  /** Octal, such as "0644". */
  readonly mode?: string | undefined;
}

interface TransferOptions extends CallOptions {
  /** How long it is good; default 900. */
  readonly expiresInSeconds?: number | undefined;
}

export class MachineFiles {
  readonly #connection: MachineConnection;
  readonly #path: string;
  readonly #machine: string;

  /** `owner`: the path of the machine, or of a volume, which has no uploads, signed URLs and search. */
  constructor(connection: MachineConnection, owner: string) {
    this.#connection = connection;
    this.#machine = owner;
    this.#path = `${this.#machine}/files`;
  }

  /** As UTF-8, with U+FFFD for what is none. */
  async readText(path: string, options: CallOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.read(path, options));
  }

  async read(path: string, options: CallOptions = {}): Promise<Uint8Array> {
    return wholeOf(this.stream(path, options));
  }

  /** Its bytes as they come, of any length. */
  async *stream(path: string, options: CallOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const answer = await this.#connection.open(`${this.#path}/content`, { query: { path }, ...options });
    try {
      yield* contentOf(answer);
    } catch (error) {
      throw machineErrorOf(error);
    }
  }

  /** Resolves when all that happens in the folder from then on is told. */
  async watchDir(
    path: string,
    { recursive = false, signal }: CallOptions & { readonly recursive?: boolean } = {},
  ): Promise<DirWatch> {
    const watch = new DirWatch(this.#connection.config, this.#machine, { path, recursive }, signal);
    await watch.begin();
    return watch;
  }

  /** Whole or not at all, with the folders above it. */
  write(path: string, content: Content, { mode, signal }: ModeOptions = {}): Promise<MachineFile> {
    const call = { query: { path, mode }, content, signal };
    return this.#connection.call("PUT", `${this.#path}/content`, call);
  }

  /**
   * In parts, of any length: a Blob is one of memory, or of `openAsBlob` of `node:fs`. What fails is a FileUploadError, by whose `uploadId`
   * it goes on. Whole or not at all, once all is there and its checksum is right.
   */
  uploadFile(
    path: string,
    content: Blob | Uint8Array<ArrayBuffer> | string,
    options: UploadFileOptions = {},
  ): Promise<MachineFile> {
    const blob = content instanceof Blob ? content : new Blob([content]);
    return uploadFile(this.#connection, `${this.#machine}/uploads`, path, blob, options);
  }

  /**
   * A folder of this machine and all below it, without what its `.nullspaceignore` and `ignore` leave out; with permissions, links as what
   * they lead to. Each file comes whole or not at all; what was sent before one failed stays.
   */
  uploadDir(folder: string, path: string, options: UploadDirOptions = {}): Promise<UploadedDir> {
    return uploadDir(this, folder, path, options);
  }

  /** Those that are under way, oldest first. */
  async listUploads(options: CallOptions = {}): Promise<readonly MachineUpload[]> {
    const path = `${this.#machine}/uploads`;
    const found = await this.#connection.call<{ readonly uploads: readonly MachineUpload[] }>(
      "GET",
      path,
      options,
    );
    return found.uploads;
  }

  /** Forgets what came of it. */
  async abortUpload(uploadId: string, options: CallOptions = {}): Promise<void> {
    const path = `${this.#machine}/uploads/${encodeURIComponent(uploadId)}`;
    await this.#connection.raw("DELETE", path, { once: true, ...options });
  }

  /** For somebody without a key, who writes this one file. */
  uploadUrl(
    path: string,
    { signal, ...order }: ModeOptions & TransferOptions & { readonly maxBytes?: number | undefined } = {},
  ): Promise<TransferUrl> {
    const call = { body: { path, ...order }, signal };
    return this.#connection.call("POST", `${this.#path}/upload-url`, call);
  }

  /** For somebody without a key, who reads this one file. */
  downloadUrl(path: string, { signal, ...order }: TransferOptions = {}): Promise<TransferUrl> {
    const call = { body: { path, ...order }, signal };
    return this.#connection.call("POST", `${this.#path}/download-url`, call);
  }

  /** What is in a folder, and with `depth` in the folders below it, in the order of paths. */
  async list(
    path: string,
    { depth = 0, signal }: CallOptions & { readonly depth?: number } = {},
  ): Promise<readonly MachineFile[]> {
    const found: MachineFile[] = [];
    for (;;) {
      const query = { path, depth, limit: PAGE, after: found.at(-1)?.path };
      const { entries, hasMore } = await this.#connection.call<FileList>("GET", this.#path, {
        query,
        signal,
      });
      found.push(...entries);
      if (!hasMore) return found;
    }
  }

  info(path: string, options: CallOptions = {}): Promise<MachineFile> {
    return this.#connection.call("GET", `${this.#path}/info`, { query: { path }, ...options });
  }

  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.info(path, options);
      return true;
    } catch (error) {
      if (error instanceof MachineError && error.code === "file_not_found") return false;
      throw error;
    }
  }

  /** With those above it. Fine where it is there. */
  makeDir(path: string, { mode, signal }: ModeOptions = {}): Promise<MachineFile> {
    return this.#connection.call("POST", `${this.#path}/mkdir`, { body: { path, mode }, signal });
  }

  rename(path: string, newPath: string, options: CallOptions = {}): Promise<MachineFile> {
    const call = { body: { path, newPath }, once: true, ...options };
    return this.#connection.call("POST", `${this.#path}/rename`, call);
  }

  /** A file, or a folder: one that is not empty with `recursive`. */
  async remove(
    path: string,
    { recursive, signal }: CallOptions & { readonly recursive?: boolean } = {},
  ): Promise<void> {
    await this.#connection.raw("DELETE", this.#path, { query: { path, recursive }, once: true, signal });
  }

  /** Files below a folder by name, or lines with a text in them. Text is looked for as it stands. */
  search(path: string, { signal, ...order }: SearchParams & CallOptions = {}): Promise<SearchResult> {
    return this.#connection.call("POST", `${this.#path}/search`, { body: { path, ...order }, signal });
  }

  /** Another text in place of one, in all files that have it; with `dryRun` it is only told what that would be. */
  replace(
    path: string,
    text: string,
    replacement: string,
    { signal, ...order }: ReplaceParams & CallOptions = {},
  ): Promise<ReplaceResult> {
    const call = { body: { path, text, replacement, ...order }, once: true, signal };
    return this.#connection.call("POST", `${this.#path}/replace`, call);
  }

  /** Octal, such as "0644". */
  setPermissions(path: string, mode: string, options: CallOptions = {}): Promise<MachineFile> {
    return this.#connection.call("POST", `${this.#path}/permissions`, { body: { path, mode }, ...options });
  }
}
