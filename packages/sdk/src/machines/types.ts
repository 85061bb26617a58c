/** What the API of machines takes and answers, under TypeScript's names. Callers' durations are in seconds where no name says more. */

export type MachineStatus = "creating" | "running" | "paused" | "destroyed" | "error";
export type TimeoutAction = "destroy" | "hibernate";

export interface MachineInfo {
  /** `mch_…`, of the present execution. */
  readonly id: string;
  readonly status: MachineStatus;
  readonly config: { readonly vcpus: number; readonly memoryMb: number; readonly diskMb: number };
  readonly template: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly timeoutMs: number | null;
  readonly timeoutAt: string | null;
  readonly expiresAt: string | null;
  readonly timeoutAction: TimeoutAction | null;
  readonly cwd: string;
  /** Told once, when the machine is created. */
  readonly trafficAccessToken: string | null;
  /** While it is paused: what it is resumed by. */
  readonly snapshotId: string | null;
  readonly statusReason: string | null;
  readonly remainingMs: number | null;
  readonly lastActiveAt: string | null;
  readonly inactivityTimeoutMs: number | null;
  readonly autoDeleteAfterMs: number | null;
  readonly autoResume: boolean;
  readonly ephemeral: boolean;
}

/** The fields that were asked for, under the API's names. */
export type MaskedMachine = Readonly<Record<string, unknown>>;

export interface MachineLease {
  readonly timeoutMs: number;
  readonly timeoutAction: TimeoutAction;
  readonly timeoutAt: string | null;
  readonly remainingMs: number;
}

export interface MachineSnapshot {
  readonly id: string;
  /** `reusable`: machines are created from it; `pause`: one machine goes on by it. */
  readonly kind: "reusable" | "pause";
  readonly machineId: string;
  readonly status: "creating" | "ready" | "deleting" | "error";
  readonly template: string;
  readonly createdAt: string | null;
}

export interface CommandResult {
  /** Any is a result; null of a command in the background. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: number | null;
  /** More came than is kept. */
  readonly truncated: boolean;
}

export interface ProcessInfo {
  readonly pid: number;
  readonly command: string;
  readonly running: boolean;
}

export interface ProcessLogs {
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly output: string;
  /** null while it runs. */
  readonly exitCode: number | null;
  /** Of the beginning, of which only so much is kept. */
  readonly lostBytes: number;
}

export interface MachineFile {
  readonly name: string;
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "other";
  readonly size: number;
  /** Permissions, octal. */
  readonly mode: string;
  readonly modifiedAt: string;
  readonly linkTarget: string | null;
}

export interface ReplaceParams {
  /** Of files: `*` is any text, `?` any letter. */
  readonly name?: string | undefined;
  /** Default true. */
  readonly caseSensitive?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface SearchParams extends Pick<ReplaceParams, "name" | "caseSensitive"> {
  readonly text?: string | undefined;
  /** Default 100, at most 1000. */
  readonly limit?: number | undefined;
}

export interface SearchResult {
  /** Without a line where only names were looked for. */
  readonly matches: readonly {
    readonly path: string;
    readonly line: number | null;
    readonly text: string | null;
  }[];
  /** There was more. */
  readonly truncated: boolean;
}

export interface ReplaceResult {
  readonly files: readonly { readonly path: string; readonly replacements: number }[];
  readonly replacements: number;
  readonly dryRun: boolean;
  readonly truncated: boolean;
}

/** A file on its way in parts. */
export interface MachineUpload {
  readonly id: string;
  readonly path: string;
  readonly status: "open" | "completing" | "completed";
  readonly size: number;
  readonly partSize: number;
  readonly partCount: number;
  /** Those that came, by number. */
  readonly parts: readonly { readonly number: number; readonly size: number; readonly sha256: string }[];
  readonly receivedBytes: number;
  readonly createdAt: string;
  readonly expiresAt: string;
}

/** Whoever has its `url` may do this and nothing else, until `expiresAt`. */
export interface TransferUrl {
  readonly url: string;
  readonly method: "PUT" | "GET";
  /** To be sent with it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  readonly maxBytes: number | null;
  readonly expiresAt: string;
}

/** A public key, signed for logins over SSH. */
export interface SshAccess {
  /** One line, for `id_ed25519-cert.pub` beside the private key. */
  readonly certificate: string;
  /** null where the machine's host has no public addresses. */
  readonly host: string | null;
  readonly port: number;
  readonly user: string;
  readonly expiresAt: string;
  readonly accessId: string;
  readonly command: string | null;
  /** For `known_hosts`. */
  readonly hostKey: string | null;
}

export interface MetricsSample {
  readonly timestamp: string;
  readonly cpuCount: number;
  /** Of all processors; null of the first look. */
  readonly cpuPercent: number | null;
  readonly memoryUsedBytes: number;
  readonly memoryTotalBytes: number;
  readonly diskUsedBytes: number | null;
  readonly diskTotalBytes: number | null;
}

export interface LifecycleEvent {
  readonly id: string;
  readonly operation: string;
  readonly status: "requested" | "succeeded" | "failed";
  readonly audience: string;
  readonly occurredAt: string;
  readonly machineId: string | null;
  readonly snapshotId: string | null;
  /** What it was forked, restored or resumed from; the machine that a snapshot is of. */
  readonly sourceMachineId: string | null;
  /** What came of it. */
  readonly targetMachineId: string | null;
  /** The key that asked for it; null of what nobody asked for. */
  readonly userId: string | null;
  readonly reason: string | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  /** Of the machine or snapshot, as it was then. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface LifecycleList {
  readonly events: readonly LifecycleEvent[];
  readonly offset: number;
  readonly limit: number;
  readonly hasMore: boolean;
}

export interface EgressPolicy {
  readonly mode: "allow_all" | "deny_all" | "custom";
  /** IPv4 networks; with `custom`. */
  readonly allowCidrs?: readonly string[] | undefined;
  readonly denyCidrs?: readonly string[] | undefined;
  /** One of `kbitPerSec` and `pps`. Best effort. */
  readonly rateLimit?:
    | {
        readonly kbitPerSec?: number | undefined;
        readonly pps?: number | undefined;
        readonly burst?: number | undefined;
      }
    | undefined;
}

export interface MachineNetwork {
  readonly egress?: EgressPolicy | undefined;
  readonly denyOut?: readonly string[] | undefined;
  readonly allowOut?: readonly string[] | undefined;
  readonly allowPublicTraffic?: boolean | undefined;
  readonly maskRequestHost?: string | undefined;
}

/** Where a port of a machine is reached. The URLs are signed: they open it to whoever has them. */
export interface HostInfo {
  /** Without a scheme. */
  readonly host: string;
  readonly url?: string | null | undefined;
  readonly websocketUrl?: string | null | undefined;
  readonly accessTokenExpiresAt?: string | null | undefined;
  readonly accessTokenTransport?: string | null | undefined;
}

export interface PreviewGrant {
  readonly id: string;
  readonly port: number;
  readonly tokenKinds: readonly string[];
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  readonly firstUsedAt: string | null;
  readonly lastUsedAt: string | null;
  readonly useCount: number;
}

export interface PreviewUrl {
  readonly grant: PreviewGrant;
  readonly url: string;
  readonly websocketUrl: string;
  readonly accessTokenExpiresAt: string;
  readonly accessTokenTransport: string;
}

/** For a proxy of the caller's: the token goes in `tokenHeaderName` of every request, and into no URL. */
export interface PreviewProxyTarget {
  readonly grant: PreviewGrant;
  readonly port: number;
  readonly tokenHeaderName: string;
  readonly expiresAt: string;
  readonly tokenTransport: string;
  readonly requiredForwardedHeaders: readonly string[];
  readonly warnings: readonly string[];
  readonly httpUrl: string | null;
  readonly websocketUrl: string | null;
  readonly httpToken: string | null;
  readonly websocketToken: string | null;
  readonly trafficAccessRequired: boolean;
  readonly trafficAccessHeaderName: string | null;
}

export interface PreviewReadiness {
  readonly ready: boolean;
  readonly routeReady: boolean;
  readonly serviceReady: boolean;
  readonly kind: "tcp" | "http";
  readonly code: string | null;
  readonly suggestedAction: string | null;
}

export interface CreateMachineParams {
  /** `base`, the default, or an image that the host keeps. */
  readonly template?: string | undefined;
  /** A reusable snapshot, which says what the machine is. */
  readonly snapshotId?: string | undefined;
  readonly vcpus?: number | undefined;
  readonly memoryMb?: number | undefined;
  readonly diskMb?: number | undefined;
  /** Seconds. */
  readonly timeout?: number | undefined;
  /** What then becomes of it. */
  readonly onTimeout?: "destroy" | "pause" | undefined;
  /** The same in the API's words. */
  readonly timeoutAction?: TimeoutAction | undefined;
  readonly inactivityTimeoutMs?: number | undefined;
  readonly autoDeleteAfterMs?: number | undefined;
  readonly ephemeral?: boolean | undefined;
  /** Whether requests to its ports wake it; goes with `onTimeout: "pause"`. */
  readonly autoResume?: boolean | undefined;
  readonly envs?: Readonly<Record<string, string>> | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly internetAccess?: boolean | undefined;
  readonly network?: MachineNetwork | undefined;
  readonly volumes?: readonly VolumeMount[] | undefined;
  readonly warmPool?: string | undefined;
  readonly warmPoolMode?: "prefer" | "require" | "bypass" | undefined;
  readonly warmPoolWaitMs?: number | undefined;
}

export interface VolumeInfo {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  /** Running machines that have it. */
  readonly mountCount: number;
  readonly usedBytes: number | null;
  readonly maxSizeBytes: number;
  readonly createdAt: string;
}

export interface VolumeAttachment {
  readonly id: string;
  readonly volumeId: string;
  readonly machineId: string;
  readonly mountPath: string;
  readonly subpath: string | null;
  readonly readOnly: boolean;
  /** `mounted`, `paused`, `failed`, … */
  readonly status: string;
  readonly lastErrorCode: string | null;
  readonly lastErrorMessage: string | null;
}

export interface AttachmentHealth {
  readonly attachmentId: string;
  readonly healthy: boolean;
  readonly status: string;
  readonly lastErrorCode: string | null;
  readonly lastErrorMessage: string | null;
  readonly checkedAt: string;
}

export interface VolumeMount {
  /** Id or name. */
  readonly ref: string;
  readonly mountPath: string;
  readonly subpath?: string | undefined;
  readonly readOnly?: boolean | undefined;
}

export interface RunParams {
  /** Of a program; not with `shell`. */
  readonly args?: readonly string[] | undefined;
  /** The command is a line for the shell. */
  readonly shell?: boolean | undefined;
  readonly cwd?: string | undefined;
  readonly envs?: Readonly<Record<string, string>> | undefined;
  /** Seconds; then it is killed, and the call fails with `exec_timeout`. */
  readonly timeout?: number | undefined;
}

export interface ListMachinesParams {
  readonly state?: MachineStatus | readonly MachineStatus[] | undefined;
  readonly template?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly limit?: number | undefined;
  readonly nextToken?: string | undefined;
}

export interface LifecycleParams {
  readonly offset?: number | undefined;
  readonly limit?: number | undefined;
  readonly order?: "asc" | "desc" | undefined;
  readonly operation?: string | undefined;
  readonly status?: string | undefined;
  /** Of this snapshot; of an account's list also of this machine, under any id that it had. */
  readonly snapshotId?: string | undefined;
  readonly machineId?: string | undefined;
  /** Of an account's list: what was made of this machine or goes on from it, and what this one was made of. */
  readonly sourceMachineId?: string | undefined;
  readonly targetMachineId?: string | undefined;
  /** RFC 3339. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface StreamParams {
  /** No replay: what happens from now on. */
  readonly liveOnly?: boolean | undefined;
  /** All that came after this event, then what happens. */
  readonly afterEventId?: string | undefined;
  /** Of a replay; default 100. */
  readonly replayLimit?: number | undefined;
  /** These alone: of this machine, this snapshot, this kind, this outcome, of machines with each of these pairs. */
  readonly machineId?: string | undefined;
  readonly snapshotId?: string | undefined;
  readonly operation?: string | undefined;
  readonly status?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}
