/** The specification of sandboxes as its project has it: what is to be exchanged, without its words. Ours is compared with it. */
export type JsonValue = number | string | boolean | Array<JsonValue> | { [key in string]: JsonValue } | null;
export type DiskImageFormat = "Qcow2" | "Raw" | "Vmdk";
export type OciRootfsSource = { reference: string; upper_size_mib?: number | null };
export type RootfsSource =
  | { Bind: string }
  | { Oci: OciRootfsSource }
  | { DiskImage: { path: string; format: DiskImageFormat; fstype: string | null } };
export type PullPolicy = "IfMissing" | "Always" | "Never";
export type StatVirtualization = "strict" | "relaxed" | "off";
export type HostPermissions = "private" | "mirror";
export type SecurityProfile = "default" | "restricted";
export type MountOptions = { readonly: boolean; noexec: boolean; nosuid: boolean; nodev: boolean };
export type VolumeKind = "Directory" | "Disk";
export type VolumeSpec = {
  name: string;
  kind: VolumeKind;
  quota_mib: number | null;
  capacity_mib: number | null;
  labels: Array<[string, string]>;
};
export type NamedVolumeMode = "Existing" | "Create" | "EnsureExists";
export type NamedVolumeCreate = {
  mode: NamedVolumeMode;
  name: string;
  kind: VolumeKind;
  quota_mib: number | null;
  capacity_mib: number | null;
  labels: Array<[string, string]>;
};
export type VolumeMount =
  | {
      type: "Bind";
      host: string;
      guest: string;
      options: MountOptions;
      stat_virtualization: StatVirtualization;
      host_permissions: HostPermissions;
      quota_mib: number | null;
    }
  | {
      type: "Named";
      name: string;
      guest: string;
      create: NamedVolumeCreate | null;
      options: MountOptions;
      stat_virtualization: StatVirtualization;
      host_permissions: HostPermissions;
    }
  | { type: "Tmpfs"; guest: string; size_mib: number | null; options: MountOptions }
  | {
      type: "DiskImage";
      host: string;
      guest: string;
      format: DiskImageFormat;
      fstype: string | null;
      options: MountOptions;
    };
export type Patch =
  | { Text: { path: string; content: string; mode: number | null; replace: boolean } }
  | { File: { path: string; content: Array<number>; mode: number | null; replace: boolean } }
  | { CopyFile: { src: string; dst: string; mode: number | null; replace: boolean } }
  | { CopyDir: { src: string; dst: string; replace: boolean } }
  | { Symlink: { target: string; link: string; replace: boolean } }
  | { Mkdir: { path: string; mode: number | null } }
  | { Remove: { path: string } }
  | { Append: { path: string; content: string } };
export type NetworkSpec = {
  enabled: boolean;
  interface: JsonValue | null;
  ports: Array<PublishedPortSpec>;
  policy: JsonValue | null;
  dns: JsonValue | null;
  tls: JsonValue | null;
  secrets: JsonValue | null;
  max_connections: number | null;
  trust_host_cas: boolean;
};
export type PublishedPortSpec = {
  host_port: number;
  guest_port: number;
  protocol: PortProtocol;
  host_bind: string;
};
export type PortProtocol = "tcp" | "udp";
export type HandoffInit = { cmd: string; args: Array<string>; env: Array<[string, string]> };
export type SandboxPolicy = {
  ephemeral: boolean;
  max_duration_secs: number | null;
  idle_timeout_secs: number | null;
};
export type SnapshotDestination = { Name: string } | { Path: string };
export type SnapshotSpec = {
  source_sandbox: string;
  destination: SnapshotDestination;
  labels: Array<[string, string]>;
  force: boolean;
  record_integrity: boolean;
};
export type SandboxSpec = {
  name: string;
  image: RootfsSource;
  resources: SandboxResources;
  runtime: SandboxRuntimeOptions;
  env: Array<EnvVar>;
  labels: { [key in string]: string };
  rlimits: Array<Rlimit>;
  mounts: Array<VolumeMount>;
  patches: Array<Patch>;
  network: NetworkSpec;
  init: HandoffInit | null;
  pull_policy: PullPolicy;
  security_profile: SecurityProfile;
  lifecycle: SandboxPolicy;
};
export type SandboxResources = { cpus: number; memory_mib: number };
export type SandboxRuntimeOptions = {
  workdir: string | null;
  shell: string | null;
  scripts: { [key in string]: string };
  entrypoint: Array<string> | null;
  cmd: Array<string> | null;
  hostname: string | null;
  user: string | null;
  log_level: SandboxLogLevel | null;
  metrics_sample_interval_ms: number | null;
  disable_metrics_sample: boolean;
};
export type EnvVar = { key: string; value: string };
export type SandboxLogLevel = "error" | "warn" | "info" | "debug" | "trace";
export type RlimitResource =
  | "Cpu"
  | "Fsize"
  | "Data"
  | "Stack"
  | "Core"
  | "Rss"
  | "Nproc"
  | "Nofile"
  | "Memlock"
  | "As"
  | "Locks"
  | "Sigpending"
  | "Msgqueue"
  | "Nice"
  | "Rtprio"
  | "Rttime";
export type Rlimit = { resource: RlimitResource; soft: number; hard: number };
export type LogSource = "stdout" | "stderr" | "output" | "system";
export type CloudCreateSandboxRequest = {
  name: string;
  image: string;
  vcpus: number;
  memory_mib: number;
  env: { [key in string]: string };
  ephemeral: boolean;
  workdir?: string | null;
  shell?: string | null;
  entrypoint?: Array<string> | null;
  hostname?: string | null;
  user?: string | null;
  log_level?: string | null;
  scripts?: { [key in string]: string };
  max_duration_secs?: number | null;
  idle_timeout_secs?: number | null;
};
export type CloudSandbox = {
  id: string;
  org_id: string;
  name: string;
  status: CloudSandboxStatus;
  config: CloudCreateSandboxRequest;
  ephemeral: boolean;
  created_at: string;
  started_at?: string | null;
  stopped_at?: string | null;
  last_error?: string | null;
};
export type CloudSandboxStatus = "created" | "starting" | "running" | "stopping" | "stopped" | "failed";
export type CloudPaginated<T> = { data: Array<T>; next_cursor?: string | null };
export type CloudMessageResponse = { message: string };
export type CloudErrorBody = {
  code?: string | null;
  message?: string | null;
  error?: CloudErrorDetails | null;
};
export type CloudErrorDetails = { code?: string | null; message?: string | null };
