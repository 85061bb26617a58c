/**
 * Every operation of the API, as data. The server validates with these schemas, openapi.json is generated from them,
 * and a test fails when the server's routes and this table differ.
 */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { BUILD_OPERATIONS } from "./build-operations.ts";
import { EXEC_OPERATIONS } from "./exec-operations.ts";
import { FILE_OPERATIONS } from "./file-operations.ts";
import { GUEST, VM } from "./operation-parts.ts";
import { IMAGE_OPERATIONS } from "./image-operations.ts";
import { AUDIT_OPERATIONS } from "./audit-operations.ts";
import { EVENT_OPERATIONS } from "./event-operations.ts";
import { KEY_OPERATIONS } from "./key-operations.ts";
import { POWER_OPERATIONS } from "./power-operations.ts";
import { REGISTRY_OPERATIONS } from "./registry-operations.ts";
import { ConsoleTokenSchema } from "./schemas/console.ts";
import { DeletionSchema } from "./schemas/deletion.ts";
import { ExecBodySchema, ExecResultSchema, ExecStreamEventSchema } from "./schemas/exec.ts";
import { FirewallInputSchema, FirewallPatchSchema } from "./schemas/firewall.ts";
import { FirewallReportSchema } from "./schemas/firewall-report.ts";
import { FileFetchBodySchema, FilePresignBodySchema, FilePresignSchema } from "./schemas/files.ts";
import { HealthSchema } from "./schemas/health.ts";
import { ForkBodySchema, ForkResultSchema, LaunchBodySchema, UpdateVmBodySchema } from "./schemas/launch.ts";
import { VmLogsSchema } from "./schemas/logs.ts";
import { DiskUsageSchema } from "./schemas/disk-usage.ts";
import { QuotasSchema } from "./schemas/quotas.ts";
import { CreateSnapshotBodySchema, SnapshotSchema, UpdateSnapshotBodySchema } from "./schemas/snapshot.ts";
import {
  ReachableServiceSchema,
  RegisterServiceBodySchema,
  UpdateServiceBodySchema,
} from "./schemas/service.ts";
import { AddSshKeyBodySchema, SshKeyListSchema, SshKeySchema } from "./schemas/ssh-key.ts";
import { VmMetricsQuerySchema, VmMetricsSchema } from "./schemas/metrics.ts";
import { VmStatsSchema } from "./schemas/stats.ts";
import { VmSchema } from "./schemas/vm.ts";
import { VOLUME_FILE_OPERATIONS } from "./volume-file-operations.ts";
import { VOLUME_OPERATIONS } from "./volume-operations.ts";
import { WEBHOOK_OPERATIONS } from "./webhook-operations.ts";

const VmListQuerySchema = Type.Object({
  status: Type.Optional(
    Type.Unsafe<string | string[]>({
      type: ["string", "array"],
      items: { type: "string" },
      description: "Only VMs in this status; several, repeated or separated by commas, mean any of them.",
    }),
  ),
});

const SNAPSHOT = "/v1/snapshots/{snapshotId}";

export const OPERATIONS = {
  healthz: {
    method: "GET",
    path: "/healthz",
    tag: "Health",
    summary: "Whether the server works",
    open: true,
    responses: { 200: HealthSchema },
    errors: [],
  },
  livez: {
    method: "GET",
    path: "/livez",
    tag: "Health",
    summary: "Whether the process lives",
    open: true,
    responses: { 200: HealthSchema },
    errors: [],
  },
  readyz: {
    method: "GET",
    path: "/readyz",
    tag: "Health",
    summary: "Whether the store and the worker answer",
    open: true,
    responses: { 200: HealthSchema, 503: HealthSchema },
    errors: [],
  },
  openapi: {
    method: "GET",
    path: "/openapi.json",
    tag: "Health",
    summary: "This document",
    open: true,
    responses: { 200: Type.Object({}, { additionalProperties: true }) },
    errors: [],
  },
  listVms: {
    method: "GET",
    path: "/v1/vms",
    tag: "VMs",
    summary: "List VMs, newest first",
    description:
      "`metadata.<key>=<value>` keeps only VMs whose metadata has exactly that value; " +
      "different keys must all match, a key given twice may match either value.",
    query: VmListQuerySchema,
    responses: { 200: Type.Array(VmSchema) },
    errors: [],
  },
  launchVm: {
    method: "POST",
    path: "/v1/vms",
    tag: "VMs",
    summary: "Launch a VM from a machine type, or restore one from a snapshot",
    description:
      "201: it runs. 202: the host is full or slow; the VM stays `provisioning` " +
      "and starts by itself. On failure the VM is kept in `error` with its reason.",
    body: LaunchBodySchema,
    needsBody: true,
    responses: { 201: VmSchema, 202: VmSchema },
    errors: [
      "quota_exceeded",
      "snapshot_wrong_state",
      "snapshot_incompatible",
      "image_invalid",
      "launch_failed",
      ...GUEST,
      "network_failed",
      "out_of_capacity",
      "vm_wrong_state",
      "volume_not_ready",
      "volume_busy",
      "host_mount_denied",
      "not_supported",
    ],
  },
  getVm: {
    method: "GET",
    path: VM,
    tag: "VMs",
    summary: "Read a VM",
    responses: { 200: VmSchema },
    errors: [],
  },
  getVmStats: {
    method: "GET",
    path: `${VM}/stats`,
    tag: "VMs",
    summary: "Read what a VM uses of its host now",
    description: "Takes a fifth of a second, in which the load of the processor is measured.",
    responses: { 200: VmStatsSchema },
    errors: [...GUEST],
  },
  getVmMetrics: {
    method: "GET",
    path: `${VM}/metrics`,
    tag: "VMs",
    summary: "Read what a VM used of its host in the last hour",
    description:
      "A sample every ten seconds while it runs, in the daemon's memory: one that starts anew has none.",
    query: VmMetricsQuerySchema,
    responses: { 200: VmMetricsSchema },
    errors: [...GUEST],
  },
  getVmLogs: {
    method: "GET",
    path: `${VM}/logs`,
    tag: "VMs",
    summary: "Read what a VM's guest and its hypervisor printed last",
    description: "In whatever state the VM is; of one in `error`, as much as was kept.",
    responses: { 200: VmLogsSchema },
    errors: [...GUEST],
  },
  updateVm: {
    method: "PATCH",
    path: VM,
    tag: "VMs",
    summary: "Rename a VM, replace its metadata, or change when it ends by itself",
    description:
      "At least one field. An omitted field stays; `metadata: {}` clears; `null` removes `ttl`, `maxLife` and `idle`, " +
      "and one that is given counts from now on.",
    body: UpdateVmBodySchema,
    needsBody: true,
    responses: { 200: VmSchema },
    errors: [],
  },
  deleteVm: {
    method: "DELETE",
    path: VM,
    tag: "VMs",
    summary: "Delete a VM in whatever state it is",
    description: "When it answers, the VM is gone.",
    responses: { 200: DeletionSchema },
    errors: ["launch_failed", ...GUEST, "network_failed"],
  },
  pauseVm: {
    method: "POST",
    path: `${VM}/pause`,
    tag: "VMs",
    summary: "Pause a VM: its state goes to disk, its memory is freed",
    description: "Answers the same for a VM that is already paused.",
    responses: { 200: VmSchema },
    errors: ["vm_wrong_state", "capture_failed", ...GUEST],
  },
  resumeVm: {
    method: "POST",
    path: `${VM}/resume`,
    tag: "VMs",
    summary: "Resume a paused VM",
    description: "200: it runs. 202: the host is full; the VM stays `resuming` and resumes by itself.",
    responses: { 200: VmSchema, 202: VmSchema },
    errors: [
      "quota_exceeded",
      "vm_wrong_state",
      "snapshot_incompatible",
      "launch_failed",
      ...GUEST,
      "network_failed",
      "out_of_capacity",
    ],
  },
  ...POWER_OPERATIONS,
  refreshVmTtl: {
    method: "POST",
    path: `${VM}/ttl/refresh`,
    tag: "VMs",
    summary: "Start a VM's time to live anew",
    responses: { 200: VmSchema },
    errors: ["ttl_not_set", "vm_wrong_state"],
  },
  forkVm: {
    method: "POST",
    path: `${VM}/fork`,
    tag: "VMs",
    summary: "Fork a running or paused VM into children that go on from the same instant",
    description:
      "One capture, all children started side by side. The source runs on and its connections stay alive.",
    body: ForkBodySchema,
    responses: { 201: ForkResultSchema },
    errors: [
      "quota_exceeded",
      "vm_wrong_state",
      "capture_failed",
      "launch_failed",
      ...GUEST,
      "network_failed",
      "out_of_capacity",
      "snapshot_incompatible",
    ],
  },
  execInVm: {
    method: "POST",
    path: `${VM}/exec`,
    tag: "VMs",
    scope: "run",
    summary: "Run a command in a VM",
    description:
      "With `Accept: application/x-ndjson` events stream as they happen, blank lines in between are heartbeats; " +
      "otherwise one buffered result. A client that goes away kills the command.",
    body: ExecBodySchema,
    responses: { 200: ExecResultSchema },
    ndjson: ExecStreamEventSchema,
    errors: ["vm_wrong_state", ...GUEST, "out_of_capacity", "conflict"],
  },
  ...EXEC_OPERATIONS,
  presignFile: {
    method: "POST",
    path: `${VM}/files/presign`,
    tag: "Files",
    summary: "Get URLs to move a file to or from a VM",
    description:
      "Upload: PUT to `uploadUrl`, then `files/fetch` with `downloadUrl`. " +
      "Download: PUT to `uploadUrl` inside the VM, then GET `downloadUrl`. " +
      "The URLs carry their own permission; do not send the API key to them.",
    body: FilePresignBodySchema,
    responses: { 200: FilePresignSchema },
    errors: ["vm_wrong_state", "transfer_failed", "conflict", ...GUEST, "out_of_capacity"],
  },
  fetchFile: {
    method: "POST",
    path: `${VM}/files/fetch`,
    tag: "Files",
    summary: "Write an uploaded object to a file in a VM",
    description:
      "The file is there whole or not at all; folders above it are made. What " +
      "takes long answers its head early, and then tells a failure by `exitCode`.",
    body: FileFetchBodySchema,
    responses: { 200: ExecResultSchema },
    errors: [
      "forbidden",
      "quota_exceeded",
      "vm_wrong_state",
      "transfer_failed",
      "conflict",
      ...GUEST,
      "out_of_capacity",
    ],
  },
  ...FILE_OPERATIONS,
  createConsoleToken: {
    method: "POST",
    path: `${VM}/console-token`,
    tag: "Console",
    summary: "Get a token for one connection to a VM's console",
    description:
      "The console is a WebSocket. The client sends keystrokes, " +
      'and `{"type":"resize","cols":80,"rows":24}` as text; it gets the terminal\'s bytes as binary frames.',
    responses: { 200: ConsoleTokenSchema },
    errors: ["vm_wrong_state"],
  },
  getVmFirewall: {
    method: "GET",
    path: `${VM}/firewall`,
    tag: "Firewall",
    summary: "Read a VM's firewall as it is enforced, and what each of its rules has decided",
    description: "The policy with one rule for each service, always in the newer dialect.",
    responses: { 200: FirewallReportSchema },
    errors: ["network_failed", ...GUEST],
  },
  setVmFirewall: {
    method: "PUT",
    path: `${VM}/firewall`,
    tag: "Firewall",
    summary: "Replace a VM's firewall",
    description: "In any dialect. `{}` is the default policy. Rules that could never match are refused.",
    body: FirewallInputSchema,
    responses: { 200: VmSchema },
    errors: ["network_failed", ...GUEST],
  },
  patchVmFirewall: {
    method: "PATCH",
    path: `${VM}/firewall`,
    tag: "Firewall",
    summary: "Replace parts of a VM's firewall",
    description: "Each block that is given replaces that block whole; `{}` changes nothing.",
    body: FirewallPatchSchema,
    responses: { 200: VmSchema },
    errors: ["network_failed", ...GUEST],
  },
  listServices: {
    method: "GET",
    path: `${VM}/services`,
    tag: "Services",
    summary: "List a VM's services by name",
    responses: { 200: Type.Array(ReachableServiceSchema) },
    errors: [],
  },
  registerService: {
    method: "POST",
    path: `${VM}/services`,
    tag: "Services",
    summary: "Register a service",
    description: "The same again is fine; the same name with another port or h2c is 409. At most 16 a VM.",
    body: RegisterServiceBodySchema,
    responses: { 201: ReachableServiceSchema },
    errors: ["conflict", "network_failed", ...GUEST],
  },
  updateService: {
    method: "PUT",
    path: `${VM}/services/{serviceName}`,
    tag: "Services",
    summary: "Make a service or change it",
    body: UpdateServiceBodySchema,
    responses: { 200: ReachableServiceSchema },
    errors: ["conflict", "network_failed", ...GUEST],
  },
  deleteService: {
    method: "DELETE",
    path: `${VM}/services/{serviceName}`,
    tag: "Services",
    summary: "Remove a service, also when there is none",
    responses: { 204: undefined },
    errors: ["network_failed", ...GUEST],
  },
  listVmSshKeys: {
    method: "GET",
    path: `${VM}/ssh-keys`,
    tag: "SSH keys",
    summary: "List the keys that open one VM",
    responses: { 200: SshKeyListSchema },
    errors: [],
  },
  addVmSshKey: {
    method: "POST",
    path: `${VM}/ssh-keys`,
    tag: "SSH keys",
    summary: "Add a key that opens one VM",
    body: AddSshKeyBodySchema,
    responses: { 201: SshKeySchema },
    errors: ["conflict", "transfer_failed", ...GUEST, "out_of_capacity"],
  },
  deleteVmSshKey: {
    method: "DELETE",
    path: `${VM}/ssh-keys/{fingerprint}`,
    tag: "SSH keys",
    summary: "Remove a key of one VM",
    responses: { 200: DeletionSchema },
    errors: ["transfer_failed", ...GUEST, "conflict", "out_of_capacity"],
  },
  listMySshKeys: {
    method: "GET",
    path: "/v1/me/ssh-keys",
    tag: "SSH keys",
    summary: "List the organisation's keys, which open all its VMs",
    responses: { 200: SshKeyListSchema },
    errors: [],
  },
  addMySshKey: {
    method: "POST",
    path: "/v1/me/ssh-keys",
    tag: "SSH keys",
    summary: "Add a key that opens all VMs",
    body: AddSshKeyBodySchema,
    responses: { 201: SshKeySchema },
    errors: ["conflict"],
  },
  deleteMySshKey: {
    method: "DELETE",
    path: "/v1/me/ssh-keys/{fingerprint}",
    tag: "SSH keys",
    summary: "Remove a key that opens all VMs",
    responses: { 200: DeletionSchema },
    errors: [],
  },
  listSnapshots: {
    method: "GET",
    path: "/v1/snapshots",
    tag: "Snapshots",
    summary: "List snapshots, newest first",
    description: "Filters by `metadata.<key>=<value>` as the list of VMs does.",
    query: Type.Object({}),
    responses: { 200: Type.Array(SnapshotSchema) },
    errors: [],
  },
  createSnapshot: {
    method: "POST",
    path: "/v1/snapshots",
    tag: "Snapshots",
    summary: "Snapshot a running or paused VM",
    description:
      "Answers when the snapshot is durable. During one pause of a VM, repeated calls answer the same snapshot.",
    body: CreateSnapshotBodySchema,
    responses: { 201: SnapshotSchema },
    errors: ["quota_exceeded", "vm_wrong_state", "capture_failed", ...GUEST, "out_of_capacity"],
  },
  getSnapshot: {
    method: "GET",
    path: SNAPSHOT,
    tag: "Snapshots",
    summary: "Read a snapshot",
    responses: { 200: SnapshotSchema },
    errors: [],
  },
  updateSnapshot: {
    method: "PATCH",
    path: SNAPSHOT,
    tag: "Snapshots",
    summary: "Rename a snapshot",
    body: UpdateSnapshotBodySchema,
    needsBody: true,
    responses: { 200: SnapshotSchema },
    errors: [],
  },
  deleteSnapshot: {
    method: "DELETE",
    path: SNAPSHOT,
    tag: "Snapshots",
    summary: "Delete a snapshot",
    description: "VMs restored from it are not touched.",
    responses: { 200: DeletionSchema },
    errors: ["snapshot_wrong_state", "capture_failed", ...GUEST],
  },
  ...IMAGE_OPERATIONS,
  ...REGISTRY_OPERATIONS,
  ...BUILD_OPERATIONS,
  ...VOLUME_OPERATIONS,
  ...VOLUME_FILE_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...KEY_OPERATIONS,
  ...AUDIT_OPERATIONS,
  getQuotas: {
    method: "GET",
    path: "/v1/org/quotas",
    tag: "Organisation",
    summary: "What the organisation may use and what it uses",
    description: "Paused, stopped and failed VMs count against nothing.",
    responses: { 200: QuotasSchema },
    errors: [],
  },
  getDiskUsage: {
    method: "GET",
    path: "/v1/org/disk",
    tag: "Organisation",
    summary: "What VMs and snapshots take of the host's disk",
    description: "Read from the files as they are: it takes longer the more there are.",
    responses: { 200: DiskUsageSchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
