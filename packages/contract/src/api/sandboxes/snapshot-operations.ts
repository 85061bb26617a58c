/** Operations on full snapshots of sandboxes, and forks: what later versions of the clients have under these names. */
import type { Operation } from "../operation.ts";
import {
  CreateSandboxSnapshotSchema,
  ForkedSandboxesSchema,
  ForkSandboxSchema,
  RestoreSandboxSchema,
  SandboxSnapshotListSchema,
  SandboxSnapshotSchema,
  SnapshotSpecSchema,
  VerifiedSnapshotSchema,
} from "./schemas/snapshot.ts";
import { MessageSchema, SandboxSchema } from "./schemas/sandbox.ts";

const SNAPSHOT = "/v1/sandbox-snapshots/{snapshot}";

const CAPTURE = [
  "guest_unresponsive",
  "vm_died",
  "vm_wrong_state",
  "capture_failed",
  "quota_exceeded",
  "out_of_capacity",
] as const;

export const SANDBOX_SNAPSHOT_OPERATIONS = {
  createSandboxSnapshot: {
    method: "POST",
    path: "/v1/sandboxes/{sandboxId}/snapshots",
    tag: "Snapshots",
    summary: "Snapshot a sandbox that runs, with its memory and processes",
    body: CreateSandboxSnapshotSchema,
    responses: { 200: SandboxSnapshotSchema },
    errors: CAPTURE,
  },
  forkSandbox: {
    method: "POST",
    path: "/v1/sandboxes/{sandboxId}/fork",
    tag: "Snapshots",
    summary: "Fork a sandbox that runs into others that go on from the same instruction",
    description: "By one capture; a child that fails leaves the others. Children have no published ports.",
    body: ForkSandboxSchema,
    responses: { 200: ForkedSandboxesSchema },
    errors: [...CAPTURE, "launch_failed", "network_failed", "volume_busy"],
  },
  snapshotStoppedSandbox: {
    method: "POST",
    path: "/v1/sandbox-snapshots",
    tag: "Snapshots",
    summary: "Snapshot a sandbox that is stopped",
    description:
      "It is started for that, captured when it has booted, and stopped again; what goes on from it has booted.",
    body: SnapshotSpecSchema,
    responses: { 200: SandboxSnapshotSchema },
    errors: [...CAPTURE, "launch_failed", "network_failed", "volume_not_ready", "volume_busy"],
  },
  listSandboxSnapshots: {
    method: "GET",
    path: "/v1/sandbox-snapshots",
    tag: "Snapshots",
    summary: "List snapshots, newest first",
    responses: { 200: SandboxSnapshotListSchema },
    errors: [],
  },
  getSandboxSnapshot: {
    method: "GET",
    path: SNAPSHOT,
    tag: "Snapshots",
    summary: "Read a snapshot, by name or id",
    responses: { 200: SandboxSnapshotSchema },
    errors: [],
  },
  deleteSandboxSnapshot: {
    method: "DELETE",
    path: SNAPSHOT,
    tag: "Snapshots",
    summary: "Delete a snapshot; what was restored from it stays",
    responses: { 200: MessageSchema },
    errors: [],
  },
  verifySandboxSnapshot: {
    method: "POST",
    path: `${SNAPSHOT}/verify`,
    tag: "Snapshots",
    summary: "Compare a snapshot's files with what was recorded of them",
    description:
      "Its own: memory that was written, device state, the disk above the image. One whose integrity was not recorded is refused.",
    responses: { 200: VerifiedSnapshotSchema },
    errors: ["snapshot_wrong_state"],
  },
  restoreSandboxSnapshot: {
    method: "POST",
    path: `${SNAPSHOT}/restore`,
    tag: "Snapshots",
    summary: "Make a sandbox that goes on where the snapshot was taken",
    body: RestoreSandboxSchema,
    responses: { 200: SandboxSchema },
    errors: [
      ...CAPTURE,
      "launch_failed",
      "network_failed",
      "snapshot_wrong_state",
      "snapshot_incompatible",
      "volume_not_ready",
      "volume_busy",
      "host_mount_denied",
    ],
  },
} as const satisfies Record<string, Operation>;
