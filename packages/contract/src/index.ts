/** What the other packages take of the contract. */
export type { IdlePolicy, MaxLife, PolicyAction } from "./model/lifecycle-policy.ts";
export type { Durability, EndCause, RestartPolicy } from "./model/power.ts";
export { API_KEY_PREFIX, containsCredential, CREDENTIAL_PREFIX } from "./credentials.ts";
export type { ApiName } from "./credentials.ts";
export type { BuildStatus } from "./model/build.ts";
export { newOrgId, newSnapshotId, newVmId, newVolumeId } from "./model/ids.ts";
export type { OrgId, SnapshotId, VmId, VolumeId } from "./model/ids.ts";
export { errorBody } from "./api/fastvm/error-body.ts";
export { ERROR_CATALOGUE, FastvmError } from "./errors/errors.ts";
export type { ErrorCode, ProxyErrorCode } from "./errors/errors.ts";
export * from "./limits.ts";
export { DEFAULT_MACHINE_TYPE, parseMachineType, STANDARD_MACHINE_TYPES } from "./model/machine-type.ts";
export type { MachineType } from "./model/machine-type.ts";
export { defaultSnapshotName, defaultVmName, hostnameOf, normalizeName } from "./names.ts";
export { apiHostOf, formatReference, isDigest, parseReference, parseRegistry } from "./image-reference.ts";
export type { ImageReference } from "./image-reference.ts";
export { nearestName } from "./nearest-name.ts";
export type * from "./model/interception.ts";
export type * from "./model/network-policy.ts";
export type { Secret, SecretInput, Tls, TlsInput } from "./api/fastvm/schemas/interception.ts";
export { machineErrorCode } from "./api/machines/error-codes.ts";
export { MACHINE_OPERATIONS } from "./api/machines/operations.ts";
export type { MachineOperationId } from "./api/machines/operations.ts";
export { DEFAULT_TIMEOUT_MS } from "./api/machines/schemas/create.ts";
export type { CreateMachineBody } from "./api/machines/schemas/create.ts";
export type { MachineExecBody, MachineExecResult } from "./api/machines/schemas/exec.ts";
export { MonitorSubscribeSchema, SOCKET_BEGINNINGS, SOCKET_INPUTS } from "./api/machines/schemas/socket.ts";
export type {
  ExecConnect,
  ExecStart,
  PtyConnect,
  PtyCreate,
  SocketBeginning,
  SocketInput,
  WatchStart,
} from "./api/machines/schemas/socket.ts";
export { LifecycleSubscribeSchema } from "./api/machines/schemas/lifecycle.ts";
export type { LifecycleEvent, LifecycleSubscribe } from "./api/machines/schemas/lifecycle.ts";
export {
  DEFAULT_PART_BYTES,
  DEFAULT_TRANSFER_SEC,
  MAX_PART_BYTES,
  MAX_UPLOAD_PARTS,
} from "./api/machines/schemas/uploads.ts";
export type { UploadView } from "./api/machines/schemas/uploads.ts";
export { DEFAULT_SSH_ACCESS_SEC } from "./api/machines/schemas/ssh.ts";
export type { SshAccessBody } from "./api/machines/schemas/ssh.ts";
export type { MetricsSample } from "./api/machines/schemas/metrics.ts";
export type { MachineFile } from "./api/machines/schemas/files.ts";
export type { Checkout, CreateWarmPoolBody, WarmPoolView } from "./api/machines/schemas/warm-pools.ts";
export { DEFAULT_VOLUME_BYTES, VOLUME_MASK } from "./api/machines/schemas/volumes.ts";
export type {
  AttachmentState,
  MachineAttachment,
  MachineMount,
  MachineVolume,
} from "./api/machines/schemas/volumes.ts";
export type { DeliveryView, WebhookView } from "./api/machines/schemas/webhooks.ts";
export { TEMPLATE_MASK } from "./api/machines/schemas/templates.ts";
export type {
  CreateTemplateBody,
  TemplateBuildView,
  TemplateDefinition,
  TemplateStep,
  TemplateView,
} from "./api/machines/schemas/templates.ts";
export { machineErrorBody } from "./api/machines/error-body.ts";
export type { EgressBody } from "./api/machines/schemas/network.ts";
export { DEFAULT_PREVIEW_SEC } from "./api/machines/schemas/preview.ts";
export type { PreviewGrant } from "./api/machines/schemas/preview.ts";
export { MACHINE_MASK, MACHINE_STATES, VOLUME_ATTACHMENTS } from "./api/machines/schemas/machine.ts";
export type { Machine, MachineState } from "./api/machines/schemas/machine.ts";
export type { MachineSnapshot } from "./api/machines/schemas/snapshot.ts";
export { buildOpenapi } from "./api/fastvm/openapi.ts";
export type { AnswerOf, BodyOf } from "./api/fastvm/operation-types.ts";
export { scopeOf } from "./api/operation.ts";
export type { Operation, OperationBody } from "./api/operation.ts";
export { OPERATIONS } from "./api/fastvm/operations.ts";
export type { OperationId } from "./api/fastvm/operations.ts";
export type { ErrorBody } from "./api/fastvm/schemas/error-body.ts";
export type { Build, BuildBody, BuildLogEvent } from "./api/fastvm/schemas/build.ts";
export type { SnapshotImport, SnapshotImportBody } from "./api/fastvm/schemas/snapshot-import.ts";
export type {
  BackgroundExec,
  ExecOutput,
  ExecOutputEvent,
  StartExecBody,
} from "./api/fastvm/schemas/background-exec.ts";
export type { ExecBody, ExecResult, ExecStreamEvent } from "./api/fastvm/schemas/exec.ts";
export {
  EgressModeSchema,
  FirewallSchema,
  LegacyFirewallSchema,
  MAX_FIREWALL_RULES,
} from "./api/fastvm/schemas/firewall.ts";
export type {
  EgressMode,
  Firewall,
  LegacyFirewall,
  LegacyFirewallRule,
} from "./api/fastvm/schemas/firewall.ts";
export type { FirewallReport } from "./api/fastvm/schemas/firewall-report.ts";
export type { FilePresign } from "./api/fastvm/schemas/files.ts";
export type { FileEventView, FileInfoView } from "./api/fastvm/schemas/guest-files.ts";
export type { ForkBody, LaunchBody, UpdateVmBody } from "./api/fastvm/schemas/launch.ts";
export type { StopBody } from "./api/fastvm/schemas/stop.ts";
export type { Image, ImageDetails as ImageDetailsView, PullImageBody } from "./api/fastvm/schemas/image.ts";
export type { AuditEntryView } from "./api/fastvm/schemas/audit.ts";
export type { EventNotice, EventView } from "./api/fastvm/schemas/event.ts";
export { CreateKeyBodySchema } from "./api/fastvm/schemas/key.ts";
export type { CreateKeyBody, KeyView } from "./api/fastvm/schemas/key.ts";
export type { VmMetrics } from "./api/fastvm/schemas/metrics.ts";
export type { EventDeliveryView, EventWebhookView } from "./api/fastvm/schemas/webhook.ts";
export type { RegistryLogin } from "./api/fastvm/schemas/registry.ts";
export type { ResourceAmounts } from "./api/fastvm/schemas/quotas.ts";
export type { ReachableService } from "./api/fastvm/schemas/service.ts";
export { hasScope, SCOPES } from "./model/scopes.ts";
export type { Scope } from "./model/scopes.ts";
export { MAX_SERVICE_NAME_LENGTH, MAX_SERVICES } from "./model/service.ts";
export type { Service } from "./model/service.ts";
export { MAX_USER_SSH_KEYS, MAX_VM_SSH_KEYS } from "./api/fastvm/schemas/ssh-key.ts";
export type { SshKey } from "./api/fastvm/schemas/ssh-key.ts";
export type { Snapshot } from "./api/fastvm/schemas/snapshot.ts";
export type { SnapshotStatus } from "./model/snapshot-status.ts";
export type { VmLogs } from "./api/fastvm/schemas/logs.ts";
export type { VmStats } from "./api/fastvm/schemas/stats.ts";
export { GUARDS_KEYWORD } from "./api/fastvm/schemas/strict.ts";
export type { Ttl, TtlAction } from "./model/ttl.ts";
export { VM_STATUSES } from "./model/vm-status.ts";
export type { VmStatus } from "./model/vm-status.ts";
export type { Vm } from "./api/fastvm/schemas/vm.ts";
export * from "./model/mount-source.ts";
export * from "./model/root-setup.ts";
export * from "./model/volume.ts";
export type { AttachVolumeBody, VmVolume, Volume } from "./api/fastvm/schemas/volume.ts";
export type { BucketMount } from "./api/fastvm/schemas/bucket-mount.ts";
export type { AttachmentWarnings } from "./api/fastvm/schemas/attachment-warnings.ts";
export { BUCKET_REASONS } from "./api/fastvm/schemas/attachment-warnings.ts";
export { REQUEST_ID_HEADER, requestIdOf } from "./request-id.ts";
export {
  parseServiceLabel,
  parseVmHex,
  SERVICE_PATH_PREFIX,
  serviceHostname,
  servicePath,
} from "./service-address.ts";
export type { ServiceAddress } from "./service-address.ts";
export type * from "./port/address-guard.ts";
export * from "./preview-address.ts";
export type * from "./port/background-execs.ts";
export type * from "./port/cache-holding.ts";
export type * from "./port/call-options.ts";
export type * from "./port/file-access.ts";
export type * from "./port/exec-spec.ts";
export type * from "./port/guest-access.ts";
export type * from "./port/host-state.ts";
export type * from "./port/image-builds.ts";
export type * from "./port/image-holding.ts";
export type * from "./port/preview-gate.ts";
export type * from "./port/snapshot-holding.ts";
export type * from "./port/vm-life.ts";
export type * from "./port/vm-transitions.ts";
export type * from "./port/volume-holding.ts";
export type { WorkerPort } from "./port/worker-port.ts";
export type { CredentialCheck, ServiceDirectory, ServiceLookup } from "./port/service-directory.ts";
export { STEPS } from "./steps/step-names.ts";
export type { StepName } from "./steps/step-names.ts";
export { hookSteps, step } from "./steps/step.ts";
export type { StepHook } from "./steps/step.ts";
export { checkEnvVars, checkMetadata } from "./string-map-rules.ts";
export type { SandboxMetricsView } from "./api/sandboxes/schemas/metrics.ts";
export type { SandboxSnapshotView } from "./api/sandboxes/schemas/snapshot.ts";
export { sandboxErrorBody } from "./api/sandboxes/error-body.ts";
export { SANDBOX_OPERATIONS } from "./api/sandboxes/operations.ts";
export type { CreateSandboxVolume, SandboxVolume, VolumeFileView } from "./api/sandboxes/schemas/volume.ts";
export { FlatSpecSchema } from "./api/sandboxes/schemas/flat.ts";
export type { FlatSpec } from "./api/sandboxes/schemas/flat.ts";
export { DEFAULT_MEMORY_MIB, DEFAULT_VCPUS, SandboxSpecSchema } from "./api/sandboxes/schemas/spec.ts";
export type { SandboxSpec } from "./api/sandboxes/schemas/spec.ts";
export type { SandboxStatus, SandboxView } from "./api/sandboxes/schemas/sandbox.ts";
