/** Operations that bring large files into a machine, and those whose URLs are handed to somebody without a key; logins over SSH. */
import type { Operation } from "../operation.ts";
import { SshAccessBodySchema, SshAccessSchema } from "./schemas/ssh.ts";
import {
  AbortedUploadSchema,
  CompletedUploadSchema,
  CompleteUploadBodySchema,
  CreateUploadBodySchema,
  DownloadUrlBodySchema,
  PartQuerySchema,
  StoredPartSchema,
  TransferUrlSchema,
  UploadListSchema,
  UploadSchema,
  UploadUrlBodySchema,
} from "./schemas/uploads.ts";

const MACHINE = "/v1/machines/{machineId}";
const UPLOADS = `${MACHINE}/uploads`;
const UPLOAD = `${UPLOADS}/{uploadId}`;

const RUNNING = ["guest_unresponsive", "vm_died", "vm_wrong_state"] as const;
const FILE = ["not_a_directory", "is_a_directory", "permission_denied", "file_failed"] as const;

export const TRANSFER_OPERATIONS = {
  createUpload: {
    method: "POST",
    path: UPLOADS,
    tag: "Files",
    summary: "Begin an upload in parts",
    description:
      "Parts come in any order and several at a time, wait on the host, and are written into the machine by `complete`. " +
      "An upload goes on after whatever failed, and ends after a day or with the daemon.",
    body: CreateUploadBodySchema,
    responses: { 201: UploadSchema },
    errors: ["quota_exceeded"],
  },
  listUploads: {
    method: "GET",
    path: UPLOADS,
    tag: "Files",
    summary: "List uploads in parts, oldest first",
    responses: { 200: UploadListSchema },
    errors: [],
  },
  getUpload: {
    method: "GET",
    path: UPLOAD,
    tag: "Files",
    summary: "Read an upload: which parts came",
    responses: { 200: UploadSchema },
    errors: [],
  },
  putUploadPart: {
    method: "PUT",
    path: `${UPLOAD}/parts/{part}`,
    tag: "Files",
    summary: "Send a part: whole or not at all, in place of one that came before",
    query: PartQuerySchema,
    bytes: "request",
    responses: { 200: StoredPartSchema },
    errors: ["quota_exceeded"],
  },
  completeUpload: {
    method: "POST",
    path: `${UPLOAD}/complete`,
    tag: "Files",
    summary: "Write the file into the running machine: whole or not at all, with the folders above it",
    body: CompleteUploadBodySchema,
    responses: { 200: CompletedUploadSchema },
    errors: [...RUNNING, ...FILE],
  },
  abortUpload: {
    method: "DELETE",
    path: UPLOAD,
    tag: "Files",
    summary: "End an upload and forget its parts",
    responses: { 200: AbortedUploadSchema },
    errors: [],
  },
  createUploadUrl: {
    method: "POST",
    path: `${MACHINE}/files/upload-url`,
    tag: "Files",
    summary: "Make a URL by which whoever has it writes one file",
    body: UploadUrlBodySchema,
    responses: { 200: TransferUrlSchema },
    errors: [],
  },
  createDownloadUrl: {
    method: "POST",
    path: `${MACHINE}/files/download-url`,
    tag: "Files",
    summary: "Make a URL by which whoever has it reads one file",
    body: DownloadUrlBodySchema,
    responses: { 200: TransferUrlSchema },
    errors: [],
  },
  createSshAccess: {
    method: "POST",
    path: `${MACHINE}/ssh-access`,
    tag: "Commands",
    summary: "Sign a public key for logins to a running machine",
    description:
      "The certificate opens this machine and no other, for shells, commands and terminals; nothing is forwarded.",
    body: SshAccessBodySchema,
    responses: { 200: SshAccessSchema },
    errors: [...RUNNING, "not_supported", "transfer_failed"],
  },
} as const satisfies Readonly<Record<string, Operation>>;
