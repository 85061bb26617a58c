/** The operations on files of a volume, for which no VM is needed: a part of the table. */
import type { Operation } from "../operation.ts";
import {
  CopyVolumeFileBodySchema,
  FileEventSchema,
  FileInfoSchema,
  FileListSchema,
  FileQuerySchema,
  ListFilesQuerySchema,
  MakeDirBodySchema,
  RemoveFileBodySchema,
  RenameFileBodySchema,
  StatFileQuerySchema,
  WatchFilesQuerySchema,
  WriteFileQuerySchema,
} from "./schemas/guest-files.ts";

const VOLUME = "/v1/volumes/{volumeId}";

/** Of whatever looks at files of a volume. */
const FILES = [
  "volume_not_ready",
  "not_supported",
  "file_not_found",
  "not_a_directory",
  "is_a_directory",
  "permission_denied",
  "file_failed",
] as const;
/** And of what changes them. */
const FILE_CHANGES = [...FILES, "file_exists", "folder_not_empty"] as const;

export const VOLUME_FILE_OPERATIONS = {
  listVolumeFiles: {
    method: "GET",
    path: `${VOLUME}/files`,
    tag: "Volumes",
    summary: "List a folder of a volume",
    description: "Paths are absolute, `/` being the volume itself. Links are named and not followed.",
    query: ListFilesQuerySchema,
    responses: { 200: FileListSchema },
    errors: FILES,
  },
  statVolumeFile: {
    method: "GET",
    path: `${VOLUME}/files/stat`,
    tag: "Volumes",
    summary: "Look at one file, folder or link of a volume",
    query: StatFileQuerySchema,
    responses: { 200: FileInfoSchema },
    errors: FILES,
  },
  readVolumeFile: {
    method: "GET",
    path: `${VOLUME}/files/content`,
    tag: "Volumes",
    summary: "Read a file of a volume",
    description:
      "Links are followed, and none leads out of the volume. A connection that breaks before the end says that it is not whole.",
    query: FileQuerySchema,
    bytes: "response",
    responses: { 200: undefined },
    errors: FILES,
  },
  writeVolumeFile: {
    method: "PUT",
    path: `${VOLUME}/files/content`,
    tag: "Volumes",
    summary: "Write a file of a volume",
    description: "The body, of any size, is the file: there whole or not at all. Folders above it are made.",
    query: WriteFileQuerySchema,
    bytes: "request",
    responses: { 200: FileInfoSchema },
    errors: FILE_CHANGES,
  },
  makeVolumeDir: {
    method: "POST",
    path: `${VOLUME}/files/make-dir`,
    tag: "Volumes",
    summary: "Make a folder in a volume, and those above it",
    body: MakeDirBodySchema,
    responses: { 201: FileInfoSchema },
    errors: FILE_CHANGES,
  },
  removeVolumeFile: {
    method: "POST",
    path: `${VOLUME}/files/remove`,
    tag: "Volumes",
    summary: "Remove a file, a link or a folder of a volume",
    description: "Of a link the link.",
    body: RemoveFileBodySchema,
    responses: { 204: undefined },
    errors: FILE_CHANGES,
  },
  renameVolumeFile: {
    method: "POST",
    path: `${VOLUME}/files/rename`,
    tag: "Volumes",
    summary: "Rename or move a file or a folder of a volume",
    body: RenameFileBodySchema,
    responses: { 200: FileInfoSchema },
    errors: FILE_CHANGES,
  },
  copyVolumeFile: {
    method: "POST",
    path: `${VOLUME}/files/copy`,
    tag: "Volumes",
    summary: "Copy a file of a volume",
    description: "Its content and permissions; what is there is replaced.",
    body: CopyVolumeFileBodySchema,
    responses: { 201: FileInfoSchema },
    errors: FILE_CHANGES,
  },
  watchVolumeFiles: {
    method: "GET",
    path: `${VOLUME}/files/watch`,
    tag: "Volumes",
    summary: "Watch a folder of a volume",
    description:
      "Once the answer's head is there, what is created, written, removed or given other permissions is told, a line each, " +
      "whoever does it; blank lines are heartbeats. It is seen by looking once a second, so what begins and ends between two " +
      "looks is not, and a rename is a `remove` and a `create`. At most 10,000 files and folders.",
    query: WatchFilesQuerySchema,
    responses: { 200: undefined },
    ndjson: FileEventSchema,
    errors: FILES,
  },
} as const satisfies Record<string, Operation>;
