/** The operations on files of a VM that runs: a part of the table. */
import type { Operation } from "../operation.ts";
import { GUEST, VM } from "./operation-parts.ts";
import {
  FileEventSchema,
  FileInfoSchema,
  FileListSchema,
  FileQuerySchema,
  ListFilesQuerySchema,
  MakeDirBodySchema,
  RemoveFileBodySchema,
  RenameFileBodySchema,
  SetFileModeBodySchema,
  StatFileQuerySchema,
  WatchFilesQuerySchema,
  WriteFileQuerySchema,
} from "./schemas/guest-files.ts";

/** Of whatever looks at files of a guest. */
const FILES = [
  "vm_wrong_state",
  "file_not_found",
  "not_a_directory",
  "is_a_directory",
  "permission_denied",
  "file_failed",
  ...GUEST,
  "out_of_capacity",
  "conflict",
] as const;
/** And of what changes them. */
const FILE_CHANGES = [...FILES, "file_exists", "folder_not_empty"] as const;

export const FILE_OPERATIONS = {
  listFiles: {
    method: "GET",
    path: `${VM}/files`,
    tag: "Files",
    summary: "List a folder of a VM",
    description: "In the order of paths, without `.` and `..`. Links are named and not followed.",
    query: ListFilesQuerySchema,
    responses: { 200: FileListSchema },
    errors: FILES,
  },
  statFile: {
    method: "GET",
    path: `${VM}/files/stat`,
    tag: "Files",
    summary: "Look at one file, folder or link of a VM",
    query: StatFileQuerySchema,
    responses: { 200: FileInfoSchema },
    errors: FILES,
  },
  readFile: {
    method: "GET",
    path: `${VM}/files/content`,
    tag: "Files",
    summary: "Read a file of a VM",
    description: "Links are followed. A connection that breaks before the end says that it is not whole.",
    query: FileQuerySchema,
    bytes: "response",
    responses: { 200: undefined },
    errors: FILES,
  },
  writeFile: {
    method: "PUT",
    path: `${VM}/files/content`,
    tag: "Files",
    summary: "Write a file of a VM",
    description:
      "The body, of any size, is the file: there whole or not at all. Folders above it are made. " +
      "A link is followed; what is replaced keeps its owner.",
    query: WriteFileQuerySchema,
    bytes: "request",
    responses: { 200: FileInfoSchema },
    errors: FILE_CHANGES,
  },
  makeDir: {
    method: "POST",
    path: `${VM}/files/make-dir`,
    tag: "Files",
    summary: "Make a folder in a VM, and those above it",
    body: MakeDirBodySchema,
    responses: { 201: FileInfoSchema },
    errors: FILE_CHANGES,
  },
  removeFile: {
    method: "POST",
    path: `${VM}/files/remove`,
    tag: "Files",
    summary: "Remove a file, a link or a folder of a VM",
    description: "Of a link the link. What is mounted below a folder stays.",
    body: RemoveFileBodySchema,
    responses: { 204: undefined },
    errors: FILE_CHANGES,
  },
  renameFile: {
    method: "POST",
    path: `${VM}/files/rename`,
    tag: "Files",
    summary: "Rename or move a file or a folder of a VM",
    description:
      "At once, as rename(2) does it; not to another filesystem. Folders above the new path are made.",
    body: RenameFileBodySchema,
    responses: { 200: FileInfoSchema },
    errors: FILE_CHANGES,
  },
  setFileMode: {
    method: "POST",
    path: `${VM}/files/set-mode`,
    tag: "Files",
    summary: "Set the permissions of a file or a folder of a VM",
    body: SetFileModeBodySchema,
    responses: { 200: FileInfoSchema },
    errors: FILES,
  },
  watchFiles: {
    method: "GET",
    path: `${VM}/files/watch`,
    tag: "Files",
    summary: "Watch a folder of a VM",
    description:
      "Once the answer's head is there, everything that happens is told, a line each; blank lines are heartbeats. " +
      "A reader that is too slow misses events and is told so.",
    query: WatchFilesQuerySchema,
    responses: { 200: undefined },
    ndjson: FileEventSchema,
    errors: FILES,
  },
} as const satisfies Record<string, Operation>;
