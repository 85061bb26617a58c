/** `fastvm/machines`: the second API on the same VMs, for clients of Nullspace machines. */
export type { MachineOptions } from "./machines/connection.ts";
export type { SubscribeListeners, Subscription } from "./machines/event-stream.ts";
export type { GitCommit, GitHttpsAuth, GitStatus } from "./machines/git-output.ts";
export { Keepalive } from "./machines/keepalive.ts";
export type { ExpiryOptions, ProxyTargetOptions, ReadinessOptions } from "./machines/machine-ports.ts";
export { DirWatch } from "./machines/dir-watch.ts";
export type { DirEvent } from "./machines/dir-watch.ts";
export { CommandStream, MachinePtys, PtySession } from "./machines/machine-sessions.ts";
export type { ConnectOptions, Output } from "./machines/machine-sessions.ts";
export { Lifecycle } from "./machines/lifecycle.ts";
export { BackgroundCommand } from "./machines/machine-commands.ts";
export type { UploadDirOptions, UploadedDir } from "./machines/upload-dir.ts";
export type { UploadFileOptions } from "./machines/upload-file.ts";
export { familyOf, FileUploadError, GitError, MachineError } from "./machines/machine-error.ts";
export type { ErrorFamily } from "./machines/machine-error.ts";
export { Machine } from "./machines/machine.ts";
export type { CreateOptions, MachinePage, StartOptions } from "./machines/machine.ts";
export type { MonitoredProcess, MonitorEvent, MonitorOptions } from "./machines/machine-monitor.ts";
export { Template } from "./machines/template.ts";
export type { BuildOptions } from "./machines/template.ts";
export { TemplateBuilder } from "./machines/template-builder.ts";
export type {
  Readiness,
  TemplateBuildInfo,
  TemplateBuildStatus,
  TemplateInfo,
  TemplateResources,
} from "./machines/template-types.ts";
export { Volume } from "./machines/volume.ts";
export type { VolumeFiles } from "./machines/volume.ts";
export { WarmPool } from "./machines/warm-pool.ts";
export type {
  CheckoutMode,
  CreateWarmPoolParams,
  WarmPoolChanges,
  WarmPoolCounts,
  WarmPoolInfo,
} from "./machines/warm-pool-types.ts";
export { Webhooks } from "./machines/webhooks.ts";
export type {
  CreateWebhookParams,
  DeliveryList,
  DeliveryParams,
  DeliveryStatus,
  WebhookChanges,
  WebhookDelivery,
  WebhookInfo,
} from "./machines/webhook-types.ts";
export { redactPreviewToken, redactPreviewUrl } from "./machines/redact.ts";
export type {
  AttachmentHealth,
  CommandResult,
  CreateMachineParams,
  EgressPolicy,
  HostInfo,
  LifecycleEvent,
  LifecycleList,
  LifecycleParams,
  ListMachinesParams,
  MachineFile,
  MachineInfo,
  MachineLease,
  MachineNetwork,
  MachineSnapshot,
  MachineStatus,
  MachineUpload,
  MaskedMachine,
  MetricsSample,
  PreviewGrant,
  PreviewProxyTarget,
  PreviewReadiness,
  PreviewUrl,
  ProcessInfo,
  ProcessLogs,
  ReplaceParams,
  ReplaceResult,
  RunParams,
  SearchParams,
  SearchResult,
  SshAccess,
  StreamParams,
  TimeoutAction,
  TransferUrl,
  VolumeAttachment,
  VolumeInfo,
  VolumeMount,
} from "./machines/types.ts";
