/** `fastvm/sandboxes`: the third API on the same VMs: its types, by the names that clients of microsandbox know, and a client. */
export { SandboxesClient } from "./sandboxes/client.ts";
export type { CallOptions, CreateOptions, ListOptions } from "./sandboxes/client.ts";
export type { SandboxRef, StartOptions } from "./sandboxes/client.ts";
export { SandboxExecError } from "./sandboxes/exec.ts";
export type { SandboxExecOptions, SandboxExecResult } from "./sandboxes/exec.ts";
export type { FollowLogOptions, SandboxLogLine } from "./sandboxes/follow-log.ts";
export type { ForkedSandbox, SandboxMetrics, SandboxOrder, SandboxSnapshot } from "./sandboxes/answers.ts";
export type { SandboxVolume, VerifiedSnapshot } from "./sandboxes/answers.ts";
export type {
  JsonValue,
  DiskImageFormat,
  OciRootfsSource,
  RootfsSource,
  PullPolicy,
  StatVirtualization,
  HostPermissions,
  SecurityProfile,
  MountOptions,
  VolumeKind,
  VolumeSpec,
  NamedVolumeMode,
  NamedVolumeCreate,
  VolumeMount,
  Patch,
  NetworkSpec,
  PublishedPortSpec,
  PortProtocol,
  HandoffInit,
  SandboxPolicy,
  SnapshotDestination,
  SnapshotSpec,
  SandboxSpec,
  SandboxResources,
  SandboxRuntimeOptions,
  EnvVar,
  SandboxLogLevel,
  RlimitResource,
  Rlimit,
  LogSource,
  CloudCreateSandboxRequest,
  CloudSandbox,
  CloudSandboxStatus,
  CloudPaginated,
  CloudMessageResponse,
  CloudErrorBody,
  CloudErrorDetails,
} from "./sandboxes/types.ts";
