/** Volumes, their files, and what machines have of them. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { EmptyBodySchema } from "./schemas/create.ts";
import {
  ListFilesQuerySchema,
  MachineFileListSchema,
  MachineFileSchema,
  MakeDirBodySchema,
  PathQuerySchema,
  RemovedSchema,
  RemoveFileQuerySchema,
  RenameBodySchema,
  WriteFileQuerySchema,
} from "./schemas/files.ts";
import {
  AttachmentHealthSchema,
  CreateMachineVolumeBodySchema,
  DeletedVolumeSchema,
  DetachedVolumeSchema,
  DetachQuerySchema,
  MachineAttachmentListSchema,
  MachineAttachmentSchema,
  MachineMountSchema,
  MachineVolumeListSchema,
  MachineVolumeSchema,
  MaskedVolumeSchema,
} from "./schemas/volumes.ts";

const VOLUME = "/v1/volumes/{volumeId}";
const FILES = `${VOLUME}/files`;
const MACHINE_VOLUMES = "/v1/machines/{machineId}/volumes";
const ATTACHMENT = `${MACHINE_VOLUMES}/{attachmentId}`;

const fields = Type.Optional(
  Type.String({ description: "Names of fields, separated by commas: the answer has these and no others." }),
);

const FILE = [
  "volume_not_ready",
  "not_supported",
  "file_not_found",
  "file_exists",
  "folder_not_empty",
  "not_a_directory",
  "is_a_directory",
  "permission_denied",
  "file_failed",
] as const;
const MOUNTS = [
  "guest_unresponsive",
  "guest_umount_busy",
  "vm_died",
  "vm_wrong_state",
  "volume_busy",
] as const;

export const VOLUME_OPERATIONS = {
  createMachineVolume: {
    method: "POST",
    path: "/v1/volumes",
    tag: "Volumes",
    summary: "Make a volume, which several machines may have at once",
    body: CreateMachineVolumeBodySchema,
    responses: { 201: MachineVolumeSchema },
    errors: ["quota_exceeded", "not_supported"],
  },
  listMachineVolumes: {
    method: "GET",
    path: "/v1/volumes",
    tag: "Volumes",
    summary: "List volumes, newest first",
    query: Type.Object({ fields }),
    responses: { 200: MachineVolumeListSchema },
    errors: [],
  },
  getMachineVolume: {
    method: "GET",
    path: VOLUME,
    tag: "Volumes",
    summary: "Read a volume, by id or exact name",
    query: Type.Object({ fields }),
    responses: { 200: Type.Union([MachineVolumeSchema, MaskedVolumeSchema]) },
    errors: [],
  },
  deleteMachineVolume: {
    method: "DELETE",
    path: VOLUME,
    tag: "Volumes",
    summary: "Delete a volume that no machine has",
    responses: { 200: DeletedVolumeSchema },
    errors: ["volume_busy", "volume_not_ready"],
  },
  listAttachmentsOfVolume: {
    method: "GET",
    path: `${VOLUME}/attachments`,
    tag: "Volumes",
    summary: "List the machines that have a volume",
    responses: { 200: MachineAttachmentListSchema },
    errors: [],
  },
  listFilesOfVolume: {
    method: "GET",
    path: FILES,
    tag: "Volumes",
    summary: "List what is in a folder of a volume",
    description: "No machine is needed. Paths are absolute, `/` being the volume; nothing leads out of it.",
    query: ListFilesQuerySchema,
    responses: { 200: MachineFileListSchema },
    errors: FILE,
  },
  removeFileOfVolume: {
    method: "DELETE",
    path: FILES,
    tag: "Volumes",
    summary: "Remove a file or a folder of a volume",
    query: RemoveFileQuerySchema,
    responses: { 200: RemovedSchema },
    errors: FILE,
  },
  getFileInfoOfVolume: {
    method: "GET",
    path: `${FILES}/info`,
    tag: "Volumes",
    summary: "Read what a path of a volume is",
    query: PathQuerySchema,
    responses: { 200: MachineFileSchema },
    errors: FILE,
  },
  readFileOfVolume: {
    method: "GET",
    path: `${FILES}/content`,
    tag: "Volumes",
    summary: "Read a file of a volume",
    query: PathQuerySchema,
    bytes: "response",
    responses: { 200: undefined },
    errors: FILE,
  },
  writeFileOfVolume: {
    method: "PUT",
    path: `${FILES}/content`,
    tag: "Volumes",
    summary: "Write a file of a volume: whole or not at all, with the folders above it",
    query: WriteFileQuerySchema,
    bytes: "request",
    responses: { 200: MachineFileSchema },
    errors: FILE,
  },
  makeDirInVolume: {
    method: "POST",
    path: `${FILES}/mkdir`,
    tag: "Volumes",
    summary: "Make a folder in a volume, with those above it",
    body: MakeDirBodySchema,
    responses: { 200: MachineFileSchema },
    errors: FILE,
  },
  renameFileOfVolume: {
    method: "POST",
    path: `${FILES}/rename`,
    tag: "Volumes",
    summary: "Give a file of a volume another path",
    body: RenameBodySchema,
    responses: { 200: MachineFileSchema },
    errors: FILE,
  },
  attachVolumeToMachine: {
    method: "POST",
    path: MACHINE_VOLUMES,
    tag: "Volumes",
    summary: "Attach a volume to a machine that runs or is paused",
    description:
      "At most 8 a machine, each volume once. Of one that is paused it is mounted when it resumes.",
    body: MachineMountSchema,
    responses: { 201: MachineAttachmentSchema },
    errors: [...MOUNTS, "volume_not_ready"],
  },
  listVolumesOfMachine: {
    method: "GET",
    path: MACHINE_VOLUMES,
    tag: "Volumes",
    summary: "List what a machine has of volumes, in the order in which it was asked for",
    responses: { 200: MachineAttachmentListSchema },
    errors: [],
  },
  getVolumeOfMachine: {
    method: "GET",
    path: ATTACHMENT,
    tag: "Volumes",
    summary: "Read one attachment",
    responses: { 200: MachineAttachmentSchema },
    errors: [],
  },
  getAttachmentHealth: {
    method: "GET",
    path: `${ATTACHMENT}/health`,
    tag: "Volumes",
    summary: "Ask the host whether a volume is mounted",
    responses: { 200: AttachmentHealthSchema },
    errors: [],
  },
  remountAttachment: {
    method: "POST",
    path: `${ATTACHMENT}/remount`,
    tag: "Volumes",
    summary: "Take a volume from a running machine, by force, and mount it anew",
    description:
      "Files of it that are open are answered by errors. `failed` in the answer says why it could not be mounted.",
    body: EmptyBodySchema,
    responses: { 200: MachineAttachmentSchema },
    errors: MOUNTS,
  },
  detachVolumeFromMachine: {
    method: "DELETE",
    path: ATTACHMENT,
    tag: "Volumes",
    summary: "Take a volume from a machine",
    query: DetachQuerySchema,
    responses: { 200: DetachedVolumeSchema },
    errors: MOUNTS,
  },
} as const satisfies Record<string, Operation>;
