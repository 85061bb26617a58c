/** What the API of sandboxes takes and answers, under the names that its clients have for it. */
/** Any JSON. */
export type JsonValue = number | string | boolean | Array<JsonValue> | { [key in string]: JsonValue } | null;

/** Of a disk in a file of the host. */
export type DiskImageFormat = "Qcow2" | "Raw" | "Vmdk";

/** An image of a registry, with a disk of its own above it. */
export type OciRootfsSource = { reference: string; upper_size_mib?: number | null };

/** What the root is made of. */
export type RootfsSource =
  | { Bind: string }
  | { Oci: OciRootfsSource }
  | { DiskImage: { path: string; format: DiskImageFormat; fstype: string | null } };

/** When a registry is asked. */
export type PullPolicy = "IfMissing" | "Always" | "Never";

/** Whose owners and modes files of a mount show. */
export type StatVirtualization = "strict" | "relaxed" | "off";

/** What the host's files get of the guest's permissions. */
export type HostPermissions = "private" | "mirror";

/** What programs in the sandbox may do. */
export type SecurityProfile = "default" | "restricted";

/** What is not to be done with files of a mount. */
export type MountOptions = { readonly: boolean; noexec: boolean; nosuid: boolean; nodev: boolean };

/** Files that several see, or a disk of one. */
export type VolumeKind = "Directory" | "Disk";

/** A volume that is to be made. */
export type VolumeSpec = {
  name: string;
  kind: VolumeKind;
  quota_mib: number | null;
  capacity_mib: number | null;
  labels: Array<[string, string]>;
};

/** Whether a mount makes its volume. */
export type NamedVolumeMode = "Existing" | "Create" | "EnsureExists";

/** The volume that a mount makes. */
export type NamedVolumeCreate = {
  mode: NamedVolumeMode;
  name: string;
  kind: VolumeKind;
  quota_mib: number | null;
  capacity_mib: number | null;
  labels: Array<[string, string]>;
};

/** Something mounted, by its `type`. */
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

/** A change of the root before the start. */
export type Patch =
  | { Text: { path: string; content: string; mode: number | null; replace: boolean } }
  | { File: { path: string; content: Array<number>; mode: number | null; replace: boolean } }
  | { CopyFile: { src: string; dst: string; mode: number | null; replace: boolean } }
  | { CopyDir: { src: string; dst: string; replace: boolean } }
  | { Symlink: { target: string; link: string; replace: boolean } }
  | { Mkdir: { path: string; mode: number | null } }
  | { Remove: { path: string } }
  | { Append: { path: string; content: string } };

/** What may be reached, and by whom. */
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

/** A port of the host that leads into the sandbox. */
export type PublishedPortSpec = {
  host_port: number;
  guest_port: number;
  protocol: PortProtocol;
  host_bind: string;
};

/** Of a published port. */
export type PortProtocol = "tcp" | "udp";

/** The program that becomes process 1. */
export type HandoffInit = { cmd: string; args: Array<string>; env: Array<[string, string]> };

/** How long it lives. */
export type SandboxPolicy = {
  ephemeral: boolean;
  max_duration_secs: number | null;
  idle_timeout_secs: number | null;
};

/** Where a snapshot goes. */
export type SnapshotDestination = { Name: string } | { Path: string };

/** A snapshot of a stopped sandbox. */
export type SnapshotSpec = {
  source_sandbox: string;
  destination: SnapshotDestination;
  labels: Array<[string, string]>;
  force: boolean;
  record_integrity: boolean;
};

/** What a sandbox is to be. What of it a server does not do is refused by name. */
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

/** Its size. */
export type SandboxResources = { cpus: number; memory_mib: number };

/** How programs in it run. */
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

/** A variable of every command. */
export type EnvVar = { key: string; value: string };

/** From the fewest words to the most. */
export type SandboxLogLevel = "error" | "warn" | "info" | "debug" | "trace";

/** What setrlimit(2) bounds. */
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

/** One bound. */
export type Rlimit = { resource: RlimitResource; soft: number; hard: number };

/** Where a line of a log comes from. */
export type LogSource = "stdout" | "stderr" | "output" | "system";

/** What a sandbox is to be, in the flat form. */
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

/** A sandbox as answers show it. */
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

/** What it can be. */
export type CloudSandboxStatus = "created" | "starting" | "running" | "stopping" | "stopped" | "failed";

/** A page of a list. */
export type CloudPaginated<T> = { data: Array<T>; next_cursor?: string | null };

/** What a delete answers. */
export type CloudMessageResponse = { message: string };

/** A failure, in either shape. */
export type CloudErrorBody = {
  code?: string | null;
  message?: string | null;
  error?: CloudErrorDetails | null;
};

/** A failure, in the nested shape. */
export type CloudErrorDetails = { code?: string | null; message?: string | null };
