export { API_KEY_PREFIX, API_NAMES, containsCredential, CREDENTIAL_PREFIX } from "./credentials.ts";
export type { ApiName } from "./credentials.ts";
export { isUuid, newOrgId, newSnapshotId, newVmId } from "./ids.ts";
export type { OrgId, SnapshotId, VmId } from "./ids.ts";
export { errorCodesOf } from "./error-codes-of.ts";
export { errorBody } from "./errors/error-body.ts";
export { errorFromWire, errorToWire } from "./errors/error-wire.ts";
export type { ErrorWire } from "./errors/error-wire.ts";
export type { ErrorEntry } from "./errors/error-entry.ts";
export { ERROR_CATALOGUE, FastvmError } from "./errors/errors.ts";
export type { ApiErrorCode, ErrorCode, ProxyErrorCode } from "./errors/errors.ts";
export * from "./limits.ts";
export { DEFAULT_MACHINE_TYPE, parseMachineType, STANDARD_MACHINE_TYPES } from "./machine-type.ts";
export type { MachineType } from "./machine-type.ts";
export { defaultSnapshotName, defaultVmName, hostnameOf, normalizeName } from "./names.ts";
export { nearestName } from "./nearest-name.ts";
export type * from "./model/network-policy.ts";
export { buildOpenapi } from "./openapi.ts";
export type { AnswerOf, BodyOf, OperationBody } from "./operation-types.ts";
export { OPERATIONS } from "./operations.ts";
export type { Operation, OperationId } from "./operations.ts";
export { ConsoleTokenSchema } from "./schemas/console.ts";
export type { ConsoleToken } from "./schemas/console.ts";
export { DeletionSchema } from "./schemas/deletion.ts";
export type { Deletion } from "./schemas/deletion.ts";
export { ErrorBodySchema } from "./schemas/error-body.ts";
export type { ErrorBody } from "./schemas/error-body.ts";
export { ExecBodySchema, ExecResultSchema, ExecStreamEventSchema } from "./schemas/exec.ts";
export type { ExecBody, ExecResult, ExecStreamEvent } from "./schemas/exec.ts";
export {
  AnyFirewallSchema,
  EgressModeSchema,
  FirewallInputSchema,
  FirewallSchema,
  LegacyFirewallSchema,
  MAX_DNS_DOMAINS,
  MAX_FIREWALL_RULES,
} from "./schemas/firewall.ts";
export type { EgressMode, Firewall, LegacyFirewall, LegacyFirewallRule } from "./schemas/firewall.ts";
export { FirewallReportSchema } from "./schemas/firewall-report.ts";
export type { FirewallReport } from "./schemas/firewall-report.ts";
export { FileFetchBodySchema, FilePresignBodySchema, FilePresignSchema } from "./schemas/files.ts";
export type { FileFetchBody, FilePresign } from "./schemas/files.ts";
export { HealthSchema } from "./schemas/health.ts";
export type { Health } from "./schemas/health.ts";
export { ForkBodySchema, ForkResultSchema, LaunchBodySchema, UpdateVmBodySchema } from "./schemas/launch.ts";
export type { ForkBody, ForkResponse, LaunchBody, UpdateVmBody } from "./schemas/launch.ts";
export { QuotasSchema, ResourceAmountsSchema } from "./schemas/quotas.ts";
export type { Quotas, ResourceAmounts } from "./schemas/quotas.ts";
export {
  MAX_SERVICE_NAME_LENGTH,
  MAX_SERVICES,
  MIN_SERVICE_PORT,
  ReachableServiceSchema,
  ServiceSchema,
} from "./schemas/service.ts";
export type { ReachableService, Service } from "./schemas/service.ts";
export { MAX_USER_SSH_KEYS, MAX_VM_SSH_KEYS, SshKeySchema } from "./schemas/ssh-key.ts";
export type { SshKey } from "./schemas/ssh-key.ts";
export { CreateSnapshotBodySchema, SnapshotSchema, UpdateSnapshotBodySchema } from "./schemas/snapshot.ts";
export type { CreateSnapshotBody, Snapshot, SnapshotStatus, UpdateSnapshotBody } from "./schemas/snapshot.ts";
export { VmLogsSchema } from "./schemas/logs.ts";
export type { VmLogs } from "./schemas/logs.ts";
export { VmStatsSchema } from "./schemas/stats.ts";
export type { VmStats } from "./schemas/stats.ts";
export { GUARDS_KEYWORD } from "./schemas/strict.ts";
export { TTL_ACTIONS, TtlSchema } from "./schemas/ttl.ts";
export type { Ttl, TtlAction } from "./schemas/ttl.ts";
export { VM_STATUSES, VmSchema } from "./schemas/vm.ts";
export type { Vm, VmStatus } from "./schemas/vm.ts";
export { REQUEST_ID_HEADER, requestIdOf } from "./request-id.ts";
export {
  parseServiceLabel,
  parseVmHex,
  SERVICE_PATH_PREFIX,
  serviceHostname,
  servicePath,
} from "./service-address.ts";
export type { ServiceAddress } from "./service-address.ts";
export type * from "./port/call-options.ts";
export type * from "./port/guest-access.ts";
export type * from "./port/host-state.ts";
export type * from "./port/snapshot-holding.ts";
export type * from "./port/vm-life.ts";
export type * from "./port/vm-transitions.ts";
export type { WorkerPort } from "./port/worker-port.ts";
export type { CredentialCheck, ServiceDirectory, ServiceLookup } from "./port/service-directory.ts";
export { STEPS } from "./steps/step-names.ts";
export type { StepName } from "./steps/step-names.ts";
export { hookSteps, step } from "./steps/step.ts";
export type { StepHook } from "./steps/step.ts";
export { checkEnvVars, checkMetadata } from "./string-map-rules.ts";
