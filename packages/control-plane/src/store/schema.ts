/**
 * The tables, as Kysely sees them: camelCase here, snake_case in SQL. One shape for SQLite and PostgreSQL: ids and JSON
 * are text, instants are milliseconds since 1970, flags are 0 or 1.
 */
import type {
  ApiName,
  BuildStatus,
  OrgId,
  SnapshotId,
  SnapshotStatus,
  TtlAction,
  VmId,
  VmStatus,
  VolumeAccessMode,
  VolumeId,
  VolumeKind,
  VolumeStatus,
} from "@fastvm/contract";
import type { SettingsRow } from "./vm-settings.ts";

export interface Schema {
  organisations: OrganisationRow;
  apiKeys: ApiKeyRow;
  vms: VmRow;
  snapshots: SnapshotRow;
  volumes: VolumeRow;
  events: EventRow;
  eventCounters: EventCounterRow;
  sshKeys: SshKeyRow;
  owed: OwedRow;
  consoleTokens: ConsoleTokenRow;
  sealedValues: SealedValueRow;
  registryLogins: RegistryLoginRow;
  builds: BuildRow;
  buildLogs: BuildLogRow;
  templates: TemplateRow;
  templateNames: TemplateNameRow;
  templateBuilds: TemplateBuildRow;
  templateTags: TemplateTagRow;
  locks: LockRow;
  quarantine: QuarantineRow;
  orderKeys: OrderKeyRow;
  webhooks: WebhookRow;
  webhookDeliveries: WebhookDeliveryRow;
  previewGrants: PreviewGrantRow;
  previewTokens: PreviewTokenRow;
  warmPools: WarmPoolRow;
  sandboxes: SandboxRow;
  auditEntries: AuditRow;
  auditCounters: AuditCounterRow;
}

export interface OrganisationRow {
  id: OrgId;
  name: string;
  createdAt: number;
  limitVcpu: number;
  limitMemoryMib: number;
  limitDiskGib: number;
  limitSnapshotCount: number;
  limitVolumeCount: number;
  limitVolumeGib: number;
}

export interface ApiKeyRow {
  id: string;
  orgId: OrgId;
  keyHash: string;
  createdAt: number;
  /** The API that it opens. */
  api: ApiName;
  /** What whoever made it calls it. */
  name: string | null;
  /** Separated by commas. */
  scopes: string;
  /** From then on it opens nothing. */
  expiresAt: number | null;
  /** To the minute or so. */
  lastUsedAt: number | null;
  /** Absent: as many as there are. */
  requestsPerMinute: number | null;
}

export interface VmRow extends SettingsRow {
  id: VmId;
  orgId: OrgId;
  name: string;
  status: VmStatus;
  statusReason: string | null;
  sourceName: string | null;
  sourceSnapshotId: SnapshotId | null;
  sourceVmId: VmId | null;
  /** The VM's own address, from its first start on; null where VMs have no network. */
  publicIpv6: string | null;
  /** Of its life: one more with each order to start it. Whatever claims to be this VM with a lower one is its past. */
  generation: number;
  createdAt: number;
  pausedAt: number | null;
  /** How often it was paused: names one pause, within which a snapshot is made once. */
  pauseCount: number;
  /** Set while it waits for room on the host. */
  queuedAt: number | null;
  ttlAction: TtlAction | null;
  ttlSeconds: number | null;
  /** What is left of the time to live while the VM does not run. */
  ttlRemainingMs: number | null;
  /** When the time to live ends while the VM runs. */
  expiresAt: number | null;
  /** When the life ends that it may have at most, whether it runs or not; null: never. */
  lifeEndsAt: number | null;
  /** Digest of the request that made it: a retried request finds the VM again. */
  requestFingerprint: string | null;
  /** When its present life, or its last, began to run; null of one that never ran. */
  startedAt: number | null;
  /** When its last life ended, with its disk kept or in an error; null where that is not known. */
  endedAt: number | null;
  /** When it was last used from outside, as far as it is written down: see `engine/activity`. */
  lastActiveAt: number | null;
  /** Of one that ended: when it starts by itself; null: it does not. */
  restartAt: number | null;
  /** How often in a row it has, without having run for long. */
  restartCount: number;
  /** Of the token that requests to its ports need where its traffic is private; the token itself is sealed elsewhere. */
  trafficTokenDigest: string | null;
  /** Of a pool, nobody's yet and seen by no client. */
  poolId: string | null;
  /** With a pool: which build of its template; without one: it came out of a pool. */
  poolGeneration: number | null;
  /** JSON; what its root is to have before it boots for the first time, until that has come to an end. */
  rootSetup: string | null;
}

export interface SnapshotRow extends SettingsRow {
  id: SnapshotId;
  orgId: OrgId;
  name: string;
  vmId: VmId;
  status: SnapshotStatus;
  statusReason: string | null;
  /** The source's `pauseCount` when it was paused, else null. */
  pauseCycle: number | null;
  pauseMs: number | null;
  labels: string;
  integrity: string | null;
  createdAt: number;
}

export interface VolumeRow {
  id: VolumeId;
  orgId: OrgId;
  /** One of an organisation's volumes has it. */
  name: string;
  kind: VolumeKind;
  sizeGib: number;
  /** Set while it grows. */
  pendingSizeGib: number | null;
  accessMode: VolumeAccessMode;
  labels: string;
  status: VolumeStatus;
  statusReason: string | null;
  createdAt: number;
}

export interface EventRow {
  orgId: OrgId;
  /** Counts the organisation's events from 1, without gaps and in the order in which they were committed. */
  id: number;
  subjectKind: "vm" | "snapshot";
  subjectId: string;
  /** null: it began to exist. */
  fromStatus: string | null;
  /** null: it no longer exists. */
  toStatus: string | null;
  cause: string;
  /** `key:<id>` or `system`. */
  actor: string;
  detail: string | null;
  at: number;
  /** What the VM was made of, or was before. */
  sourceVmId: VmId | null;
  /** Of the catalogue. */
  errorCode: string | null;
  /** The VM's when it happened, as JSON; null where there was none. */
  metadata: string | null;
}

interface EventCounterRow {
  orgId: OrgId;
  lastId: number;
}

/** A request that changed something, or was to. */
export interface AuditRow {
  orgId: OrgId;
  /** Counts the organisation's entries from 1. */
  id: number;
  at: number;
  keyId: string;
  address: string;
  requestId: string;
  api: ApiName;
  operation: string;
  method: string;
  path: string;
  status: number;
  /** Id of what it was about, or what the request called it; null: it names nothing. */
  subject: string | null;
  /** JSON; null: nothing is known of it. */
  before: string | null;
  after: string | null;
}

interface AuditCounterRow {
  orgId: OrgId;
  lastId: number;
}

/** A key that opens all VMs of an organisation. */
export interface SshKeyRow {
  fingerprint: string;
  orgId: OrgId;
  publicKey: string;
  name: string | null;
  createdAt: number;
}

/** A VM or snapshot that the worker has and no record knows. */
export interface QuarantineRow {
  id: string;
  kind: "vm" | "snapshot";
  /** When it was first found. */
  foundAt: number;
  /** What it takes while it runs; 0 when it does not. */
  memoryMib: number;
}

interface LockRow {
  name: string;
  revision: number;
}

/** What the worker has of a VM's record beside the VM itself. */
export type OwedKind = "network" | "keys" | "deadline" | "volumes";

/** The worker is not known to have this part of the record. */
export interface OwedRow {
  vmId: VmId;
  kind: OwedKind;
  /** One more with each change: who has told an older one has not told this one. */
  revision: number;
  /** How often the worker has refused it. */
  attempts: number;
  retryAt: number;
}

export interface ConsoleTokenRow {
  digest: string;
  vmId: VmId;
  expiresAt: number;
}

export interface SealedValueRow {
  orgId: OrgId;
  /** What kind of value it is. */
  purpose: string;
  name: string;
  sealed: string;
}

/** Who an organisation is to a registry of images. */
export interface RegistryLoginRow {
  orgId: OrgId;
  /** Host and perhaps port. */
  registry: string;
  username: string;
  createdAt: number;
  updatedAt: number;
}

/** An order that came with a key of the client's. */
export interface OrderKeyRow {
  orgId: OrgId;
  key: string;
  /** Of the order: another under the same key is refused. */
  digest: string;
  /** What it makes, or made. */
  subjectId: string;
  /** What was answered, JSON; null until then. */
  answer: string | null;
  createdAt: number;
}

/** That requests to a port of a VM are let in. */
export interface PreviewGrantRow {
  id: string;
  vmId: VmId;
  port: number;
  /** How its tokens come. */
  transport: "query" | "header";
  /** JSON: for HTTP, for WebSockets or for both. */
  kinds: string;
  /** 1: nobody chose how long it is good; it gives way to newer ones of its kind. */
  isPassing: 0 | 1;
  /** The key that asked for it. */
  principalId: string;
  issuedAt: number;
  expiresAt: number;
  revokedAt: number | null;
  firstUsedAt: number | null;
  lastUsedAt: number | null;
  requests: number;
  webSockets: number;
  bytesIn: number;
  bytesOut: number;
  lastErrorCode: string | null;
  lastErrorAt: number | null;
  updatedAt: number;
}

/** Of tokens the database has digests alone. */
export interface PreviewTokenRow {
  digest: string;
  grantId: string;
  /** By which way it comes and for what kind of request, and by no other. */
  family: PreviewFamily;
}

export type PreviewFamily = "url" | "socket_url" | "cookie" | "proxy" | "socket_proxy";

export interface BuildRow {
  id: string;
  orgId: OrgId;
  /** Of the snapshot; null: the build's id. */
  name: string | null;
  status: BuildStatus;
  /** JSON, without secrets. */
  source: string;
  machineName: string;
  cpu: number;
  memoryMib: number;
  diskGib: number;
  /** Under which the organisation finds its image. */
  tag: string | null;
  /** Of the VM that is captured; chosen ahead, so that it is known whose it is at any time. */
  vmId: VmId;
  snapshotId: SnapshotId;
  /** What the worker calls the image; null while there is none, or no more. */
  imageReference: string | null;
  imageDigest: string | null;
  stepsRan: number | null;
  stepsCached: number | null;
  /** JSON: what happened, a few dozen at most. */
  events: string;
  error: string | null;
  /** `key:<id>`. */
  actor: string;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  updatedAt: number;
}

interface BuildLogRow {
  buildId: string;
  log: string;
}

/** Who is told of an organisation's events by a request to a URL of its own. */
export interface WebhookRow {
  id: string;
  orgId: OrgId;
  /** In whose words. */
  api: ApiName;
  url: string;
  /** JSON: what of, in that API's words; empty: of all. */
  topics: string;
  enabled: number;
  /** The number of the last event of which it is written down what is to be told. */
  cursor: number;
  createdAt: number;
  updatedAt: number;
}

/** `in_progress` until `dueAt` at the latest: whoever had taken it is gone then. */
export type WebhookDeliveryStatus = "queued" | "in_progress" | "succeeded" | "dead_letter";

/** One event for one webhook. */
export interface WebhookDeliveryRow {
  id: string;
  webhookId: string;
  eventId: number;
  topic: string;
  /** As it is sent, each time the same. */
  body: string;
  status: WebhookDeliveryStatus;
  /** Since it was queued, or queued anew by order. */
  tries: number;
  dueAt: number;
  /** JSON: the latest, oldest first. */
  attempts: string;
  createdAt: number;
  finishedAt: number | null;
}

export type WarmPoolState = "enabled" | "disabled" | "draining" | "deleted";

/** How a launch that names the pool gets its VM, where it does not say. */
export type CheckoutMode = "prefer" | "require" | "bypass";

export interface TemplateRow {
  id: string;
  orgId: OrgId;
  /** The first of its names. */
  name: string;
  createdAt: number;
  updatedAt: number;
}

/** A template has its own name and any number of others, each of them once in an organisation. */
interface TemplateNameRow {
  orgId: OrgId;
  name: string;
  templateId: string;
}

/** Of a template, a build of `builds`. */
export interface TemplateBuildRow {
  buildId: string;
  templateId: string;
  /** That means this build once it has succeeded. */
  tag: string;
  /** JSON, of the API that ordered it, to order it again. Never a secret. */
  definition: string;
}

export interface TemplateTagRow {
  templateId: string;
  tag: string;
  buildId: string;
  promotedAt: number;
}

/** VMs of one template that an organisation has ready. */
export interface WarmPoolRow {
  id: string;
  orgId: OrgId;
  name: string;
  /** An image; empty: the base image. */
  template: string;
  machineName: string;
  cpu: number;
  memoryMib: number;
  diskGib: number;
  minReady: number;
  maxReady: number;
  checkoutMode: CheckoutMode;
  /** Whether a template that means another build by now is followed. */
  isTracking: number;
  staleAfterMs: number | null;
  /** JSON. */
  labels: string;
  metadata: string;
  state: WarmPoolState;
  /** One more with each build of the template that is followed. */
  generation: number;
  /** What the template means: the digest of an image, or the id of a template's build; null before it was looked at. */
  resolved: string | null;
  previousResolved: string | null;
  /** What keeps it from being full; null: nothing. */
  condition: string | null;
  conditionDetail: string | null;
  /** VMs that became somebody's. */
  hits: number;
  /** That could not be started, or ended by themselves. */
  failures: number;
  /** That were replaced for being too old. */
  expired: number;
  createdAt: number;
  updatedAt: number;
  enabledAt: number | null;
  disabledAt: number | null;
  drainRequestedAt: number | null;
  reconciledAt: number | null;
}

/** A VM under a name of its own, with what was asked for. */
export interface SandboxRow {
  /** Its VM's too, from the first start on. */
  id: VmId;
  orgId: OrgId;
  /** Unique in the organisation. */
  name: string;
  slug: string;
  /** JSON, as below. */
  labels: string;
  written: string;
  /** Null of one that was never started. */
  vmId: VmId | null;
  createdAt: number;
}
