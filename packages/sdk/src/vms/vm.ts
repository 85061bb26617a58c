/** A VM as the API shows it, and what can be asked for when one is launched, changed or forked. */
import type { Secret, SecretParams, Tls, TlsParams } from "./interception.ts";
import type { AttachBucketMountParams, BucketMount } from "../volumes/bucket-mount.ts";
import type { AttachmentWarnings, AttachVolumeParams, VmVolume } from "../volumes/volume.ts";
import type { IdlePolicy, MaxLife } from "./lifecycle-policy.ts";
import type { FirewallInput, FirewallPolicy, NetworkPolicy } from "../firewall/firewall-policy.ts";

/** A later server may know more states; one that is not listed here means "in transition". */
export type VmStatus =
  | "provisioning"
  | "running"
  | "pausing"
  | "paused"
  | "resuming"
  | "stopped"
  | "deleting"
  | "error"
  | (string & {});

/** `c{vCPUs}m{GiB of memory}`. */
export type MachineType = "c1m2" | "c2m4" | "c4m8" | "c8m16" | (string & {});

export type Metadata = Readonly<Record<string, string>>;

export interface Vm {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly diskGiB: number;
  readonly status: VmStatus;
  /** RFC 3339, with its zone. */
  readonly createdAt: string;
  readonly machineName?: string;
  /** The name of the snapshot or VM it was made from. */
  readonly sourceName?: string;
  /** The snapshot it was restored from. */
  readonly sourceSnapshotId?: string;
  /** The VM it was forked from. */
  readonly sourceVmId?: string;
  readonly publicIpv6?: string;
  readonly metadata?: Metadata;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly firewall?: FirewallPolicy | NetworkPolicy;
  /** `firewall` and one rule for each service. */
  readonly effectiveFirewall?: FirewallPolicy | NetworkPolicy;
  readonly ttl?: VmTtl | null;
  /** While it runs: when the ttl strikes, in ms since 1970. */
  readonly expiresAtMs?: number;
  /** While it is paused or stopped: what is left of the ttl. */
  readonly ttlRemainingMs?: number;
  readonly maxLife?: MaxLife;
  /** With `maxLife`: when its life is over, in ms since 1970. */
  readonly lifeEndsAtMs?: number;
  readonly idle?: IdlePolicy;
  /** With `idle`, while it runs: when it is over unless somebody uses it, in ms since 1970. */
  readonly idleEndsAtMs?: number;
  readonly pausedAt?: string | null;
  readonly deletedAt?: string | null;
  /** Whether requests to its services wake it when it is paused. */
  readonly autoResume?: boolean;
  /** `strict`: what its guest has flushed is there after a power loss of the host. */
  readonly durability?: Durability;
  readonly restartPolicy?: RestartPolicy;
  /** How its connections are intercepted; absent where they are not. */
  readonly tls?: Tls;
  /** Absent where it has none. */
  readonly secrets?: readonly Secret[];
  /** Why the VM is in `error` or `stopped`, or was paused by itself, or what it waits for. */
  readonly statusReason?: string;
  /** Only in the answer to a launch, when the snapshot's services could not be registered again: then none is. */
  readonly snapshotRestoreWarnings?: SnapshotRestoreWarnings;
  /** Absent where it has none. */
  readonly volumes?: readonly VmVolume[];
  /** Absent where it has none. */
  readonly bucketMounts?: readonly BucketMount[];
  readonly attachmentWarnings?: AttachmentWarnings;
}

export interface SnapshotRestoreWarnings {
  readonly servicesRegistrationFailed: true;
  readonly reason?: string;
  readonly unregisteredServices?: readonly CapturedService[];
}

/** A service as a snapshot remembers it. */
export interface CapturedService {
  readonly name: string;
  readonly port: number;
  readonly h2c?: boolean;
}

export interface VmTtl {
  readonly action: "pause" | "delete";
  readonly seconds: number;
}

/** A later server may know more of each. */
export type Durability = "relaxed" | "strict" | (string & {});
/**
 * `on-host-failure`: after a power loss, shutdown or failure of the host; `always`: also after its guest's power-off. Never once it was
 * told to stop.
 */
export type RestartPolicy = "never" | "on-host-failure" | "always" | (string & {});

export interface StartParams {
  /** Whether a disk that its host lost boots without the check that it has to pass otherwise. */
  readonly force?: boolean | undefined;
}

export interface StopParams {
  /** How long its guest may take to power off before the power goes; 0: none. Default 30. */
  readonly graceSec?: number | undefined;
}

/** Calls that concern a VM take its id or the VM itself. */
export type VmRef = string | { readonly id: string };

/** Of which VM, where the published package's calls begin with the name of what belongs to it. */
export interface OfVm {
  readonly id: string;
}

export interface LaunchParams {
  /** Required unless `snapshotId` is given. */
  readonly machineType?: MachineType | undefined;
  /** Restores this snapshot in place of starting a fresh VM. */
  readonly snapshotId?: string | undefined;
  /** With `machineType`: an image that the host keeps, by reference or digest. Default: the base image. */
  readonly image?: string | undefined;
  /** Cut to 64 characters. Default: `vm-` and the id's first eight. */
  readonly name?: string | undefined;
  /** At least 10, or the snapshot's disk. */
  readonly diskGiB?: number | undefined;
  readonly metadata?: Metadata | undefined;
  readonly envVars?: Readonly<Record<string, string>> | undefined;
  readonly firewall?: FirewallInput | null | undefined;
  readonly ttl?: VmTtl | undefined;
  /** Default: none, or the snapshot's. */
  readonly maxLife?: MaxLife | undefined;
  /** Default: none, or the snapshot's. */
  readonly idle?: IdlePolicy | undefined;
  /** Whether requests to its services wake it when it is paused. Default: as the snapshot has it, else false. */
  readonly autoResume?: boolean | undefined;
  /** Default: `strict` with a restart policy, otherwise `relaxed`, or the snapshot's. */
  readonly durability?: Durability | undefined;
  /** Default: `never`, or the snapshot's. */
  readonly restartPolicy?: RestartPolicy | undefined;
  /** Has its TLS connections intercepted. */
  readonly tls?: TlsParams | null | undefined;
  /** Has its requests get secrets on their way out, which its guest never sees; at most 100. */
  readonly secrets?: readonly SecretParams[] | null | undefined;
  /** What it mounts, at most 8; of a snapshot in place of all that it had mounted. */
  readonly volumes?: readonly AttachVolumeParams[] | undefined;
  readonly bucketMounts?: readonly AttachBucketMountParams[] | undefined;
}

export interface UpdateVmParams {
  readonly name?: string | undefined;
  /** Replaces all of it; `{}` clears it. */
  readonly metadata?: Metadata | undefined;
  /** `null` removes it; an object starts it anew. */
  readonly ttl?: VmTtl | null | undefined;
  /** `null` removes it; an object counts from now on. */
  readonly maxLife?: MaxLife | null | undefined;
  /** The same. */
  readonly idle?: IdlePolicy | null | undefined;
  readonly autoResume?: boolean | undefined;
  readonly restartPolicy?: RestartPolicy | undefined;
  /** In place of all of it; in force when it is answered. */
  readonly tls?: TlsParams | null | undefined;
  /** All that it has from then on; one without a value keeps the one that it has. */
  readonly secrets?: readonly SecretParams[] | null | undefined;
}

export interface ListVmsParams {
  readonly status?: VmStatus | undefined;
  /** VMs that carry all of these pairs. */
  readonly metadata?: Metadata | undefined;
}

export interface DeletedResource {
  readonly id: string;
  readonly deleted: boolean;
}

export function vmIdOf(vm: VmRef): string {
  return typeof vm === "string" ? vm : vm.id;
}

/** The VM and the name of a thing of it: `(vm, name)`, or as the published package has it, `(name, { id })`. */
export function namedIn(first: VmRef, second: string | OfVm): readonly [vm: VmRef, name: string] {
  if (typeof second === "string") return [first, second];
  return [second.id, vmIdOf(first)];
}

/** The query's `metadata.<key>=<value>` pairs. */
export function metadataQuery(metadata: Metadata | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata ?? {}).map(([key, value]) => [`metadata.${key}`, value]));
}
