/** What is done with files, be they those of a VM or of a volume. */
import { NotFoundError } from "../errors.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import { streamOf } from "../http/body-of.ts";
import type { Content, HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import type { FileInfo } from "./file-info.ts";
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

/** Whose files: by its id, its name, or itself. */
type FilesOwner = string | { readonly id: string };

export class FileTrees {
  readonly #http: HttpClient;
  readonly #kind: "vms" | "volumes";

  constructor(http: HttpClient, kind: "vms" | "volumes") {
    this.#http = http;
    this.#kind = kind;
  }

  /** Throws NotFoundError with code `file_not_found`. A time limit counts until the file begins to come. */
  read(of: FilesOwner, path: string, options: ReadFileOptions & { format: "bytes" }): Promise<Uint8Array>;
  read(
    of: FilesOwner,
    path: string,
    options: ReadFileOptions & { format: "stream" },
  ): Promise<ReadableStream<Uint8Array>>;
  read(
    of: FilesOwner,
    path: string,
    options?: ReadFileOptions & { format?: "text" | undefined },
  ): Promise<string>;
  async read(
    of: FilesOwner,
    path: string,
    { format, ...options }: ReadFileOptions = {},
  ): Promise<string | Uint8Array | ReadableStream<Uint8Array>> {
    const answer = await this.#http.open({
      method: "GET",
      path: this.pathOf(of, "content"),
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
    of: FilesOwner,
    path: string,
    content: Content,
    { mode, ...options }: WriteFileOptions = {},
  ): ApiPromise<FileInfo> {
    return this.#http.json({
      method: "PUT",
      path: this.pathOf(of, "content"),
      query: { path, mode },
      content,
      defaultTimeoutMs: NO_LIMIT_MS,
      options,
    });
  }

  /** All that is in a folder, in the order of paths. Links are not followed. */
  async list(
    of: FilesOwner,
    path: string,
    { depth, pageSize, ...options }: ListFilesOptions = {},
  ): Promise<FileInfo[]> {
    const found: FileInfo[] = [];
    for (;;) {
      const { entries, hasMore } = await this.#http.json<FileList>({
        method: "GET",
        path: this.pathOf(of),
        query: { path, depth: depth?.toString(), limit: pageSize?.toString(), after: found.at(-1)?.path },
        options,
      });
      found.push(...entries);
      if (!hasMore || entries.length === 0) return found;
    }
  }

  stat(
    of: FilesOwner,
    path: string,
    { followLinks, ...options }: StatFileOptions = {},
  ): ApiPromise<FileInfo> {
    return this.#http.json({
      method: "GET",
      path: this.pathOf(of, "stat"),
      query: { path, followLinks: followLinks?.toString() },
      options,
    });
  }

  /** Whether there is a file, a folder or a link of that name. */
  async exists(of: FilesOwner, path: string, options?: RequestOptions): Promise<boolean> {
    try {
      await this.stat(of, path, options);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError && error.code === "file_not_found") return false;
      throw error;
    }
  }

  /** With those above it. Throws ConflictError with code `file_exists` for what is there. */
  makeDir(of: FilesOwner, path: string, { mode, ...options }: MakeDirOptions = {}): ApiPromise<FileInfo> {
    return this.change(of, "make-dir", { path, mode }, options);
  }

  /** A file, a link or an empty folder; with `recursive` a folder and all that is in it. */
  remove(of: FilesOwner, path: string, { recursive, ...options }: RecursiveOptions = {}): ApiPromise<void> {
    return this.change(of, "remove", { path, recursive }, options);
  }

  /** Replaces a file that is there. Not to another filesystem. */
  rename(of: FilesOwner, path: string, newPath: string, options?: RequestOptions): ApiPromise<FileInfo> {
    return this.change(of, "rename", { path, newPath }, options);
  }

  /** What was done is not done again: a second rename would find nothing. */
  protected change<Result>(
    of: FilesOwner,
    name: string,
    body: object,
    options: RequestOptions | undefined,
  ): ApiPromise<Result> {
    return this.#http.json({ method: "POST", path: this.pathOf(of, name), body, attempts: "once", options });
  }

  protected pathOf(of: FilesOwner, ...rest: readonly string[]): string {
    return joinPath("v1", this.#kind, typeof of === "string" ? of : of.id, "files", ...rest);
  }
}
