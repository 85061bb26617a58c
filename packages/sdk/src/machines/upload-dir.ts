/** `machine.files.uploadDir`: a folder of this machine, file by file, without what `.nullspaceignore` leaves out. */
import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { filesBelow, readIgnored } from "../builds/pack-context.ts";
import type { CallOptions } from "./connection.ts";
import { MachineError } from "./machine-error.ts";
import type { UploadFileOptions } from "./upload-file.ts";

const IGNORE_FILE = ".nullspaceignore";
/** As deep as the server lists. */
const MAX_DEPTH = 64;
/** What is no longer goes in one request. */
const SMALL_BYTES = 4 * 1024 * 1024;
const DEFAULT_CONCURRENCY = 4;

export interface UploadDirOptions extends CallOptions {
  /** What becomes of files that are there: default `overwrite`; `skip` leaves them; `fail` sends nothing if there is one. */
  readonly onConflict?: "overwrite" | "skip" | "fail" | undefined;
  /** What is left out, in lines as of `.dockerignore`; beside those of the folder's own `.nullspaceignore`. */
  readonly ignore?: readonly string[] | undefined;
  /** Files on their way at once; default 4. */
  readonly concurrency?: number | undefined;
  readonly onProgress?: ((path: string, done: number, total: number) => void) | undefined;
}

export interface UploadedDir {
  /** Paths in the machine, in order. */
  readonly uploaded: readonly string[];
  /** That were there, with `onConflict: "skip"`. */
  readonly skipped: readonly string[];
}

interface ModeOptions extends CallOptions {
  readonly mode?: string | undefined;
}

/** What `machine.files` is asked for. */
interface Files {
  exists(path: string, options: CallOptions): Promise<boolean>;
  list(
    path: string,
    options: CallOptions & { readonly depth: number },
  ): Promise<readonly { readonly path: string }[]>;
  makeDir(path: string, options: ModeOptions): Promise<unknown>;
  write(path: string, content: Uint8Array<ArrayBuffer>, options: ModeOptions): Promise<unknown>;
  uploadFile(path: string, content: Blob, options: UploadFileOptions): Promise<unknown>;
}

interface Local {
  readonly file: string;
  readonly path: string;
  readonly mode: string;
  readonly size: number;
}

export async function uploadDir(
  files: Files,
  folder: string,
  target: string,
  {
    onConflict = "overwrite",
    ignore = [],
    concurrency = DEFAULT_CONCURRENCY,
    onProgress,
    signal,
  }: UploadDirOptions,
): Promise<UploadedDir> {
  const ignored = [await readIgnored(folder, IGNORE_FILE), ...ignore].join("\n");
  const found = await Promise.all(
    (await filesBelow(folder, ignored)).map((name) => localOf(join(folder, name), join(target, name))),
  );
  const { folders, contents } = divided(found.filter((each) => each !== undefined));
  const there = onConflict === "overwrite" ? new Set<string>() : await pathsIn(files, target, signal);
  const skipped = contents.filter(({ path }) => there.has(path)).map(({ path }) => path);
  if (onConflict === "fail" && skipped.length > 0) {
    const more = skipped.length > 1 ? ` and ${skipped.length - 1} more` : "";
    throw new MachineError(`${skipped[0]}${more} are there; nothing was sent`, { code: "upload_conflict" });
  }
  await files.makeDir(target, { signal });
  for (const { path, mode } of folders) await files.makeDir(path, { mode, signal });
  const wanted = contents.filter(({ path }) => !there.has(path));
  let done = 0;
  const rest = wanted.values();
  await Promise.all(
    Array.from({ length: Math.max(1, concurrency) }, async () => {
      for (const each of rest) {
        await send(files, each, signal);
        done += 1;
        onProgress?.(each.path, done, wanted.length);
      }
    }),
  );
  return { uploaded: wanted.map(({ path }) => path), skipped };
}

/** By what a link leads to; `undefined` for one that leads nowhere. */
async function localOf(
  file: string,
  path: string,
): Promise<(Local & { readonly isFolder: boolean }) | undefined> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || !(found.isFile() || found.isDirectory())) return undefined;
  const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
  return { file, path, mode, size: found.size, isFolder: found.isDirectory() };
}

function divided(found: readonly (Local & { readonly isFolder: boolean })[]) {
  return {
    folders: found.filter(({ isFolder }) => isFolder),
    contents: found.filter(({ isFolder }) => !isFolder),
  };
}

async function pathsIn(
  files: Files,
  target: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  if (!(await files.exists(target, { signal }))) return new Set();
  return new Set((await files.list(target, { depth: MAX_DEPTH, signal })).map(({ path }) => path));
}

async function send(
  files: Files,
  { file, path, mode, size }: Local,
  signal: AbortSignal | undefined,
): Promise<void> {
  const content = await openAsBlob(file);
  if (size > SMALL_BYTES) await files.uploadFile(path, content, { mode, signal });
  else await files.write(path, new Uint8Array(await content.arrayBuffer()), { mode, signal });
}
