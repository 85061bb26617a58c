/** `client.vms.files`: files of a running VM, with no shell in it. Relative paths begin at /root. */
import { NotFoundError } from "../errors.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import { streamOf } from "../http/body-of.ts";
import type { Content, HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { vmIdOf } from "../vms/vm.ts";
import type { VmRef } from "../vms/vm.ts";
import type { FileInfo } from "./file-info.ts";
import { FileWatch } from "./file-watch.ts";
import { contentOf, wholeOf } from "./read-content.ts";

export interface ListFilesOptions extends RequestOptions {
  /** 2: with what is in its folders, and so on; 0: the folder itself. Default 1. */
  readonly depth?: number | undefined;
  /** Entries of each answer; all of them are asked for. */
  readonly pageSize?: number | undefined;
}

export interface StatFileOptions extends RequestOptions {
  /** What a link leads to. Default false: the link. */
  readonly followLinks?: boolean | undefined;
}

export interface WriteFileOptions extends RequestOptions {
  /** Octal, such as `0755`. Default: that of the file which is replaced, else `0644`. */
  readonly mode?: string | undefined;
}

export interface MakeDirOptions extends RequestOptions {
  /** Octal. Default `0755`. */
  readonly mode?: string | undefined;
}

export interface RecursiveOptions extends RequestOptions {
  /** With all that is below. Default false. */
  readonly recursive?: boolean | undefined;
}

export interface ReadFileOptions extends RequestOptions {
  /** Default `text`, which is UTF-8. */
  readonly format?: "text" | "bytes" | "stream" | undefined;
}

interface FileList {
  readonly entries: readonly FileInfo[];
  readonly hasMore: boolean;
}

/** A file may take any time; a caller's own limit counts. */
const NO_LIMIT_MS = Number.POSITIVE_INFINITY;

export class GuestFiles {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Throws NotFoundError with code `file_not_found`. A time limit counts until the file begins to come. */
  read(vm: VmRef, path: string, options: ReadFileOptions & { format: "bytes" }): Promise<Uint8Array>;
  read(
    vm: VmRef,
    path: string,
    options: ReadFileOptions & { format: "stream" },
  ): Promise<ReadableStream<Uint8Array>>;
  read(vm: VmRef, path: string, options?: ReadFileOptions & { format?: "text" | undefined }): Promise<string>;
  async read(
    vm: VmRef,
    path: string,
    { format, ...options }: ReadFileOptions = {},
  ): Promise<string | Uint8Array | ReadableStream<Uint8Array>> {
    const answer = await this.#http.open({
      method: "GET",
      path: pathOf(vm, "content"),
      query: { path },
      accept: "application/octet-stream",
      options,
    });
    if (format === "stream") return streamOf(contentOf(answer));
    const bytes = await wholeOf(contentOf(answer));
    return format === "bytes" ? bytes : new TextDecoder().decode(bytes);
  }

  /** Whole or not at all; folders above it are made. A stream is sent as it comes, and once only. */
  write(
    vm: VmRef,
    path: string,
    content: Content,
    { mode, ...options }: WriteFileOptions = {},
  ): ApiPromise<FileInfo> {
    return this.#http.json({
      method: "PUT",
      path: pathOf(vm, "content"),
      query: { path, mode },
      content,
      defaultTimeoutMs: NO_LIMIT_MS,
      options,
    });
  }

  /** All that is in a folder, in the order of paths. Links are not followed. */
  async list(
    vm: VmRef,
    path: string,
    { depth, pageSize, ...options }: ListFilesOptions = {},
  ): Promise<FileInfo[]> {
    const found: FileInfo[] = [];
    for (;;) {
      const { entries, hasMore } = await this.#http.json<FileList>({
        method: "GET",
        path: pathOf(vm),
        query: { path, depth: depth?.toString(), limit: pageSize?.toString(), after: found.at(-1)?.path },
        options,
      });
      found.push(...entries);
      if (!hasMore || entries.length === 0) return found;
    }
  }

  stat(vm: VmRef, path: string, { followLinks, ...options }: StatFileOptions = {}): ApiPromise<FileInfo> {
    return this.#http.json({
      method: "GET",
      path: pathOf(vm, "stat"),
      query: { path, followLinks: followLinks?.toString() },
      options,
    });
  }

  /** Whether there is a file, a folder or a link of that name. */
  async exists(vm: VmRef, path: string, options?: RequestOptions): Promise<boolean> {
    try {
      await this.stat(vm, path, options);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError && error.code === "file_not_found") return false;
      throw error;
    }
  }

  /** With those above it. Throws ConflictError with code `file_exists` for what is there. */
  makeDir(vm: VmRef, path: string, { mode, ...options }: MakeDirOptions = {}): ApiPromise<FileInfo> {
    return this.#change(vm, "make-dir", { path, mode }, options);
  }

  /** A file, a link or an empty folder; with `recursive` a folder and all that is in it. */
  remove(vm: VmRef, path: string, { recursive, ...options }: RecursiveOptions = {}): ApiPromise<void> {
    return this.#change(vm, "remove", { path, recursive }, options);
  }

  /** Replaces a file that is there. Not to another filesystem. */
  rename(vm: VmRef, path: string, newPath: string, options?: RequestOptions): ApiPromise<FileInfo> {
    return this.#change(vm, "rename", { path, newPath }, options);
  }

  /** Octal, such as `0600`. */
  setMode(vm: VmRef, path: string, mode: string, options?: RequestOptions): ApiPromise<FileInfo> {
    return this.#change(vm, "set-mode", { path, mode }, options);
  }

  /** Resolves when the folder is watched: all that happens from then on is told to who iterates. */
  async watch(vm: VmRef, path: string, { recursive, ...options }: RecursiveOptions = {}): Promise<FileWatch> {
    return new FileWatch(
      await this.#http.open({
        method: "GET",
        path: pathOf(vm, "watch"),
        query: { path, recursive: recursive?.toString() },
        accept: "application/x-ndjson",
        options,
      }),
    );
  }

  /** What was done is not done again: a second rename would find nothing. */
  #change<Result>(
    vm: VmRef,
    name: string,
    body: object,
    options: RequestOptions | undefined,
  ): ApiPromise<Result> {
    return this.#http.json({ method: "POST", path: pathOf(vm, name), body, attempts: "once", options });
  }
}

function pathOf(vm: VmRef, ...rest: readonly string[]): string {
  return joinPath("v1", "vms", vmIdOf(vm), "files", ...rest);
}
