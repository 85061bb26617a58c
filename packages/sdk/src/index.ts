/** The package's face: what `import … from "fastvm"` has. */
// Programs of the published package import it so.
// oxlint-disable-next-line import/no-default-export
export { FastvmClient, FastvmClient as default } from "./fastvm-client.ts";
export type { BuildParams, Health, RawRequestOptions } from "./fastvm-client.ts";
export type { ClientOptions, Logger, LogLevel } from "./client-config.ts";
export type { BuildContexts, Builds } from "./builds/builds.ts";
export type {
  OnViolation,
  ScopedUpstreamCa,
  ScopedVerifyUpstream,
  Secret,
  SecretInjection,
  SecretParams,
  Tls,
  TlsCache,
  TlsParams,
} from "./vms/interception.ts";
export type {
  Build,
  BuildEndEvent,
  BuildEvent,
  BuildLog,
  BuildRef,
  CreateBuildParams,
} from "./builds/build.ts";
export { BuildRun } from "./builds/build-run.ts";
export type {
  ContextPresign,
  CreateSnapshotImportParams,
  SnapshotImport,
  SnapshotImportEvent,
  SnapshotImports,
  SnapshotImportSource,
} from "./builds/snapshot-imports.ts";
export type { Answered, ApiPromise } from "./http/api-promise.ts";
export type { Content, RequestOptions } from "./http/http-client.ts";
export {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  BuildFailedError,
  CommandLostError,
  ConflictError,
  FastvmError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
  VMLaunchError,
  VMNotReadyError,
  WatchEndedError,
} from "./errors.ts";
export type {
  Command,
  ExecEvent,
  ExecExitEvent,
  ExecOptions,
  ExecOutputEvent,
  ExecParams,
  ExecResult,
} from "./exec/exec.ts";
export { CommandHandle } from "./commands/command-handle.ts";
export type { FinishedCommand, OutputListeners } from "./commands/command-handle.ts";
export type { Commands, CreatePtyOptions, Pty, StartOptions } from "./commands/commands.ts";
export type { Execs, WriteStdinParams } from "./commands/execs.ts";
export type {
  BackgroundExec,
  BackgroundExecEvent,
  ExecOutput,
  ExecPlaceEvent,
  StartExecParams,
  TerminalSize,
} from "./exec/background-exec.ts";
export type { PublishedExecEvent } from "./exec/published-events.ts";
export type { FileInfo } from "./files/file-info.ts";
export type { FileEvent, FileWatch } from "./files/file-watch.ts";
export type {
  ListFilesOptions,
  MakeDirOptions,
  ReadFileOptions,
  RecursiveOptions,
  StatFileOptions,
  WriteFileOptions,
} from "./files/file-trees.ts";
export { FileTransferError } from "./files/file-transfer-error.ts";
export type { FetchFileParams, FilePresign, Files } from "./files/files.ts";
export type { TransferOptions, TransferProgress } from "./files/transfer.ts";
export type {
  DirectionHits,
  FirewallHits,
  FirewallReport,
  Hits,
  VmFirewall,
} from "./firewall/vm-firewall.ts";
export type {
  AttachBucketMountParams,
  BucketCredentials,
  BucketMount,
  CapturedBucket,
} from "./volumes/bucket-mount.ts";
export type {
  AttachmentWarnings,
  AttachVolumeParams,
  CapturedVolume,
  CreateVolumeParams,
  Detachment,
  UpdateVolumeParams,
  VmVolume,
  Volume,
  VolumeAttachment,
  VolumeRef,
  VolumeStatus,
} from "./volumes/volume.ts";
export type { VolumeFiles } from "./volumes/volume-files.ts";
export type { DetachVolumeOptions } from "./volumes/vm-volumes.ts";
export type { Volumes } from "./volumes/volumes.ts";
export type { RegisterServiceParams, Service, Services } from "./services/services.ts";
export type { AddSshKeyParams, SshKey, SshKeyList, UserSshKeys, VmSshKeys } from "./ssh-keys/ssh-keys.ts";
export type { Vms, ConsoleToken, LaunchWaitOptions } from "./vms/vms.ts";
export type { Temporary } from "./vms/temporary-vm.ts";
export type { WaitOptions } from "./vms/wait-until-running.ts";
export type { IdlePolicy, MaxLife, PolicyAction } from "./vms/lifecycle-policy.ts";
export type {
  CapturedService,
  DeletedResource,
  LaunchParams,
  ListVmsParams,
  MachineType,
  Metadata,
  OfVm,
  SnapshotRestoreWarnings,
  Durability,
  RestartPolicy,
  StartParams,
  StopParams,
  UpdateVmParams,
  Vm,
  VmRef,
  VmStatus,
  VmTtl,
} from "./vms/vm.ts";
export type { PacketCount, VmLogs, VmMetrics, VmSample, VmStats } from "./vms/inspection.ts";
export type { ForkFailure, ForkOutcome, ForkParams, ForkResult } from "./vms/fork.ts";
export type { Snapshots } from "./snapshots/snapshots.ts";
export type {
  CreateSnapshotParams,
  ListSnapshotsParams,
  Snapshot,
  SnapshotRef,
  SnapshotStatus,
} from "./snapshots/snapshot.ts";
export { EventGapError } from "./events.ts";
export type {
  Event,
  EventPage,
  Events,
  EventSelection,
  FollowEventsParams,
  ListEventsParams,
} from "./events.ts";
export type { DiskShare, DiskUsage, DiskUsages } from "./disk-usage.ts";
export type { Image, ImageDetails, ImageLayer, Images, ImageSettings, PullImageParams } from "./images.ts";
export type { Audit, AuditEntry, AuditPage, ListAuditParams } from "./audit.ts";
export { verifyWebhook, WebhookSignatureError } from "./verify-webhook.ts";
export type { WebhookRequest } from "./verify-webhook.ts";
export type { CreateKeyParams, Key, Keys, KeyScope, NewKey } from "./keys.ts";
export type {
  CreateWebhookParams,
  ListWebhookDeliveriesParams,
  NewWebhook,
  UpdateWebhookParams,
  Webhook,
  WebhookAttempt,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookRef,
  Webhooks,
} from "./webhooks.ts";
export type { RegistryLogin, RegistryLogins, SetRegistryLoginParams } from "./registries.ts";
export type { Quotas, QuotaUsage, QuotaValues } from "./quotas.ts";
export type {
  DnsPolicy,
  FirewallPolicy,
  FirewallRule,
  NetworkAction,
  EgressMode,
  EgressModePolicy,
  FirewallInput,
  NetworkPolicy,
  NetworkRule,
  RateLimit,
  PatchFirewallPolicy,
} from "./firewall/firewall-policy.ts";
export { FastVM } from "./flat/fastvm.ts";
export type {
  CommandResult,
  FastVMOptions,
  FlatForkOptions,
  FlatLaunchOptions,
  FlatRestoreOptions,
  FlatRunOptions,
  FlatSnapshotOptions,
} from "./flat/fastvm.ts";
export type { FlatSnapshot, OrgQuotaUsage, OrgQuotaValues, VM, VMStatus } from "./flat/flat-vm.ts";
