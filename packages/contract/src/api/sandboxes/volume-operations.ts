/** Operations on volumes and on files in them, as this API's clients have them. */
import type { Operation } from "../operation.ts";
import { MessageSchema } from "./schemas/sandbox.ts";
import {
  CreateSandboxVolumeSchema,
  MakeVolumeFolderSchema,
  MoveVolumeFileSchema,
  SandboxVolumeListSchema,
  SandboxVolumeSchema,
  VolumeFileExistsSchema,
  VolumeFileListSchema,
  VolumeFileStatSchema,
} from "./schemas/volume.ts";

const VOLUME = "/v1/volumes/{volumeId}";
const FILES = `${VOLUME}/files` as const;
/** Where it is, a header says: `x-msb-file-path`, in base64url. */
const BY_HEADER = "The header `x-msb-file-path` has the path, in base64url without padding.";

const FILE = [
  "file_not_found",
  "file_exists",
  "folder_not_empty",
  "not_a_directory",
  "is_a_directory",
  "permission_denied",
  "file_failed",
  "volume_not_ready",
  "not_supported",
] as const;

const files = { tag: "Volumes", scope: "run", errors: FILE } as const;

export const SANDBOX_VOLUME_OPERATIONS = {
  listSandboxVolumes: {
    method: "GET",
    path: "/v1/volumes",
    tag: "Volumes",
    summary: "List volumes",
    responses: { 200: SandboxVolumeListSchema },
    errors: [],
  },
  createSandboxVolume: {
    method: "POST",
    path: "/v1/volumes",
    tag: "Volumes",
    summary: "Make a volume, whose bytes are reserved",
    body: CreateSandboxVolumeSchema,
    responses: { 200: SandboxVolumeSchema },
    errors: ["quota_exceeded", "not_supported"],
  },
  getSandboxVolume: {
    method: "GET",
    path: VOLUME,
    tag: "Volumes",
    summary: "Read a volume",
    description: "There is no volume `default`.",
    responses: { 200: SandboxVolumeSchema },
    errors: [],
  },
  deleteSandboxVolume: {
    method: "DELETE",
    path: VOLUME,
    tag: "Volumes",
    summary: "Delete a volume, with all that is in it",
    responses: { 200: MessageSchema },
    errors: ["volume_busy"],
  },
  listSandboxVolumeFiles: {
    ...files,
    method: "GET",
    path: FILES,
    summary: "What is in a folder",
    description: BY_HEADER,
    responses: { 200: VolumeFileListSchema },
  },
  statSandboxVolumeFile: {
    ...files,
    method: "GET",
    path: `${FILES}/stat`,
    summary: "What a file is",
    description: BY_HEADER,
    responses: { 200: VolumeFileStatSchema },
  },
  sandboxVolumeFileExists: {
    ...files,
    method: "GET",
    path: `${FILES}/exists`,
    summary: "Whether there is such a file",
    description: BY_HEADER,
    responses: { 200: VolumeFileExistsSchema },
  },
  readSandboxVolumeFile: {
    ...files,
    method: "GET",
    path: `${FILES}/content`,
    summary: "Read a file",
    description: BY_HEADER,
    bytes: "response",
    responses: { 200: undefined },
  },
  writeSandboxVolumeFile: {
    ...files,
    method: "PUT",
    path: `${FILES}/content`,
    summary: "Write a file, whole or not at all",
    description: BY_HEADER,
    bytes: "request",
    responses: { 200: MessageSchema },
  },
  removeSandboxVolumeFile: {
    ...files,
    method: "DELETE",
    path: FILES,
    summary: "Remove a file, or a folder",
    description: `${BY_HEADER} \`x-msb-file-recursive: true\`: with all that is in it.`,
    responses: { 200: MessageSchema },
  },
  makeSandboxVolumeFolder: {
    ...files,
    method: "POST",
    path: `${FILES}/mkdir`,
    summary: "Make a folder, with those above it",
    body: MakeVolumeFolderSchema,
    responses: { 200: MessageSchema },
  },
  copySandboxVolumeFile: {
    ...files,
    method: "POST",
    path: `${FILES}/copy`,
    summary: "Copy a file",
    body: MoveVolumeFileSchema,
    responses: { 200: MessageSchema },
  },
  renameSandboxVolumeFile: {
    ...files,
    method: "POST",
    path: `${FILES}/rename`,
    summary: "Rename a file or folder",
    body: MoveVolumeFileSchema,
    responses: { 200: MessageSchema },
  },
} as const satisfies Record<string, Operation>;
