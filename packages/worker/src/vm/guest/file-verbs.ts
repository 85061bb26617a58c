/** What is done with files of a running VM beside reading and writing them. */
import {
  FastvmError,
  type CallOptions,
  type FileInfo,
  type FileInfoOptions,
  type FileListing,
  type FileModeOptions,
  type ListFilesOptions,
  type RecursiveOptions,
} from "@fastvm/contract";
import type { RawField } from "../../guest-link/fields.ts";
import { decodeEntry } from "../../guest-link/file-records.ts";
import { Verb, type VerbRequest } from "../../guest-link/verb-stream.ts";
import type { Vm } from "../state/vm.ts";
import { asFileError } from "./file-error.ts";
import { PageOfPaths } from "../../files/page-of-paths.ts";

export async function fileInfo(
  vm: Vm,
  path: string,
  { followLinks, signal }: FileInfoOptions,
): Promise<FileInfo> {
  const request = { verb: Verb.STAT, path, follow: followLinks };
  for await (const info of recordsOf(vm, request, decodeEntry, signal)) return info;
  throw new FastvmError("guest_unresponsive", "its agent told nothing of a file");
}

export async function listFiles(
  vm: Vm,
  path: string,
  { depth, limit, after, signal }: ListFilesOptions,
): Promise<FileListing> {
  const page = new PageOfPaths(limit, after);
  const request = { verb: Verb.LIST, path, depth };
  for await (const info of recordsOf(vm, request, decodeEntry, signal)) page.add(info);
  return page.listing();
}

export function makeFolder(vm: Vm, path: string, { mode, signal }: FileModeOptions): Promise<void> {
  return done(vm, { verb: Verb.MAKE_FOLDER, path, mode }, signal);
}

export function removeFile(vm: Vm, path: string, { recursive, signal }: RecursiveOptions): Promise<void> {
  return done(vm, { verb: Verb.REMOVE, path, recursive }, signal);
}

export function renameFile(vm: Vm, path: string, to: string, { signal }: CallOptions): Promise<void> {
  return done(vm, { verb: Verb.RENAME, path, to }, signal);
}

export function setFileMode(vm: Vm, path: string, mode: number, { signal }: CallOptions): Promise<void> {
  return done(vm, { verb: Verb.SET_MODE, path, mode }, signal);
}

async function done(vm: Vm, request: VerbRequest, signal: AbortSignal | undefined): Promise<void> {
  for await (const nothing of recordsOf(vm, request, String, signal)) void nothing;
}

/** What a verb tells, one by one; the guest does it once the first is asked for. */
export async function* recordsOf<T>(
  vm: Vm,
  request: VerbRequest,
  decode: (field: RawField) => T,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const link = await vm.link({ signal });
  try {
    for await (const fields of link.verb(request, { signal })) yield* fields.map(decode);
  } catch (error) {
    throw asFileError(error);
  }
}
