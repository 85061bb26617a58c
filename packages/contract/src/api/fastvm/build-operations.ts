/** The operations on builds and imports, as data: a part of the API's table (operations.ts). */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { BuildBodySchema, BuildLogEventSchema, BuildLogSchema, BuildSchema } from "./schemas/build.ts";
import { DeletionSchema } from "./schemas/deletion.ts";
import { FilePresignSchema } from "./schemas/files.ts";
import {
  ContextPresignBodySchema,
  ContextPresignSchema,
  SnapshotImportBodySchema,
  SnapshotImportSchema,
} from "./schemas/snapshot-import.ts";

const BUILD = "/v1/builds/{buildId}";
const IMPORT = "/v1/snapshot-imports/{importId}";
const CREATE_ERRORS = ["quota_exceeded", "forbidden", "conflict"] as const;

export const BUILD_OPERATIONS = {
  createBuild: {
    method: "POST",
    path: "/v1/builds",
    tag: "Builds",
    summary: "Build a snapshot from an image or a Dockerfile",
    description:
      "Answers at once. The image's file system is booted and captured; CMD, ENTRYPOINT and the like are kept with it and not run. " +
      "`firewall` says what the build's commands may reach, and is that of the snapshot.",
    body: BuildBodySchema,
    needsBody: true,
    responses: { 202: BuildSchema },
    errors: CREATE_ERRORS,
  },
  listBuilds: {
    method: "GET",
    path: "/v1/builds",
    tag: "Builds",
    summary: "List builds, newest first",
    description: "The newest 1000 that have ended are kept.",
    responses: { 200: Type.Array(BuildSchema) },
    errors: [],
  },
  getBuild: {
    method: "GET",
    path: BUILD,
    tag: "Builds",
    summary: "Read a build",
    description: "By its id, the unique beginning of one, or a name, which means the newest of that name.",
    responses: { 200: BuildSchema },
    errors: [],
  },
  getBuildLogs: {
    method: "GET",
    path: `${BUILD}/logs`,
    tag: "Builds",
    summary: "Read what a build has printed, or follow it",
    description:
      "With `Accept: application/x-ndjson` what there is, then what comes, until the build ends, blank lines in between are heartbeats; " +
      "otherwise what there is now. Nothing a reader does touches the build.",
    responses: { 200: BuildLogSchema },
    ndjson: BuildLogEventSchema,
    errors: [],
  },
  cancelBuild: {
    method: "POST",
    path: `${BUILD}/cancel`,
    tag: "Builds",
    summary: "Cancel a build",
    description: "Answers when nothing of it runs any more. One that has ended stays as it is.",
    responses: { 200: BuildSchema },
    errors: [],
  },
  presignBuildContext: {
    method: "POST",
    path: "/v1/build-contexts/presign",
    tag: "Builds",
    summary: "Get URLs for the context of a build",
    description:
      "PUT a `tar.gz` or a ZIP to `uploadUrl`, then give `downloadUrl` to a build. Good for a day and for one build.",
    responses: { 200: FilePresignSchema },
    errors: [],
  },
  presignImportContext: {
    method: "POST",
    path: "/v1/snapshot-imports/context-presign",
    tag: "Builds",
    summary: "Get a URL for the context of an import",
    body: ContextPresignBodySchema,
    responses: { 200: ContextPresignSchema },
    errors: [],
  },
  createSnapshotImport: {
    method: "POST",
    path: "/v1/snapshot-imports",
    tag: "Builds",
    summary: "Import a snapshot from an image or a Dockerfile",
    description: "A build in other words: each is shown in both. Fields of the other `type` are refused.",
    body: SnapshotImportBodySchema,
    responses: { 202: SnapshotImportSchema },
    errors: CREATE_ERRORS,
  },
  listSnapshotImports: {
    method: "GET",
    path: "/v1/snapshot-imports",
    tag: "Builds",
    summary: "List imports, newest first",
    responses: { 200: Type.Array(SnapshotImportSchema) },
    errors: [],
  },
  getSnapshotImport: {
    method: "GET",
    path: IMPORT,
    tag: "Builds",
    summary: "Read an import",
    responses: { 200: SnapshotImportSchema },
    errors: [],
  },
  deleteSnapshotImport: {
    method: "DELETE",
    path: IMPORT,
    tag: "Builds",
    summary: "Delete an import that has ended, with its image and the snapshot that it made",
    responses: { 200: DeletionSchema },
    errors: ["conflict", "snapshot_wrong_state", "capture_failed", "guest_unresponsive", "vm_died"],
  },
  cancelSnapshotImport: {
    method: "POST",
    path: `${IMPORT}/cancel`,
    tag: "Builds",
    summary: "Cancel an import",
    description: "Answers when nothing of it runs any more. One that has ended stays as it is.",
    responses: { 200: SnapshotImportSchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
