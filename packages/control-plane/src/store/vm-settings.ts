/**
 * What a VM passes on: to its snapshots, to what is restored from them, to its forks (`engine/vms/inherit.ts`). A field
 * is added here, in a migration of both tables and where an API shows it; everything in between carries it by itself.
 */
import type {
  Durability,
  PolicyAction,
  RestartPolicy,
  SecretRule,
  Service,
  TlsSettings,
  VolumeMount,
  WrittenPolicy,
} from "@fastvm/contract";

export interface VmSettings {
  machineName: string;
  cpu: number;
  memoryMib: number;
  diskGib: number;
  metadata: Readonly<Record<string, string>>;
  envVars: Readonly<Record<string, string>>;
  /** Absent: nobody wrote a policy. */
  network: WrittenNetwork | undefined;
  /** Sorted by name. */
  services: readonly Service[];
  /** The keys that open this VM alone. */
  sshKeys: readonly VmSshKey[];
  /** Whether requests to its services wake it. */
  autoResume: boolean;
  /** How long it may run unused before its time is over; 0: for ever. */
  inactivityMs: number;
  /** What becomes of it then; empty: what its time to live says. */
  inactivityAction: PolicyAction | "";
  /** Whether what its guest computes by itself is use. */
  guestWorkCounts: boolean;
  /** How long it lives, running or not; 0: for ever. */
  maxLifeMs: number;
  maxLifeAction: PolicyAction;
  /** How long it may be paused before it is deleted; 0: for ever. */
  autoDeleteMs: number;
  /** Deleted where another would be paused for being idle. */
  ephemeral: boolean;
  /** Where commands run that say nothing of it; empty: where the API that is asked has them run. */
  cwd: string;
  /** The image of its root; empty: the base image. */
  template: string;
  /** The template whose image that is, as clients call it; empty: none. */
  templateRef: string;
  volumes: readonly RecordedMount[];
  /** Of its disk, from its next start on. */
  durability: Durability;
  restartPolicy: RestartPolicy;
  /** Whether requests to its ports by preview URLs need a token of the VM's beside their own. */
  privateTraffic: boolean;
  /** What its services see as the host of such a request; empty: what the client sent. */
  maskHost: string;
  /** Absent: its connections go as they are. */
  interception: WrittenInterception | undefined;
}

export interface WrittenInterception {
  readonly tls: TlsSettings;
  readonly secrets: readonly SealedSecret[];
}

/** Its value is sealed for the organisation, by the secret's name (`engine/interception`). */
export interface SealedSecret extends SecretRule {
  readonly sealed: string;
}

/** A volume that a VM is to have. */
export interface RecordedMount extends VolumeMount {
  /** Why it had none of it when that was tried last. */
  readonly failure?: string;
}

/** The policy, and beside it how its writer would show it. Both change together. */
export interface WrittenNetwork {
  readonly policy: WrittenPolicy;
  readonly presentation: Presentation;
}

/** Belongs to the API that wrote the policy. Everybody else passes it on and never looks into it. */
interface Presentation {
  readonly api: string;
  /** JSON. */
  readonly value: unknown;
}

/** A key that opens one VM and what is made from it. */
export interface VmSshKey {
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly name?: string;
}

/** The same as columns of `vms` and `snapshots`. */
export interface SettingsRow {
  machineName: string;
  cpu: number;
  memoryMib: number;
  diskGib: number;
  /** JSON, like all texts below. */
  metadata: string;
  envVars: string;
  network: string | null;
  services: string;
  sshKeys: string;
  autoResume: 0 | 1;
  inactivityMs: number;
  inactivityAction: PolicyAction | "";
  guestWorkCounts: 0 | 1;
  maxLifeMs: number;
  maxLifeAction: PolicyAction;
  autoDeleteMs: number;
  ephemeral: 0 | 1;
  cwd: string;
  template: string;
  templateRef: string;
  volumes: string;
  durability: Durability;
  restartPolicy: RestartPolicy;
  privateTraffic: 0 | 1;
  maskHost: string;
  interception: string | null;
}

interface Column<Value, Stored> {
  readonly read: (stored: Stored) => Value;
  readonly write: (value: Value) => Stored;
}

const AS_IT_IS = { read: <T>(stored: T): T => stored, write: <T>(value: T): T => value };

function json<T>(): Column<T, string> {
  return { read: (text) => JSON.parse(text) as T, write: (value) => JSON.stringify(value) };
}

const FLAG: Column<boolean, 0 | 1> = { read: (flag) => flag === 1, write: (value) => (value ? 1 : 0) };

const NETWORK: Column<WrittenNetwork | undefined, string | null> = {
  read: (text) => (text === null ? undefined : (JSON.parse(text) as WrittenNetwork)),
  write: (network) => (network === undefined ? null : JSON.stringify(network)),
};

const INTERCEPTION: Column<WrittenInterception | undefined, string | null> = {
  read: (text) => (text === null ? undefined : (JSON.parse(text) as WrittenInterception)),
  write: (interception) => (interception === undefined ? null : JSON.stringify(interception)),
};

const COLUMNS: { readonly [Name in keyof VmSettings]: Column<VmSettings[Name], SettingsRow[Name]> } = {
  machineName: AS_IT_IS,
  cpu: AS_IT_IS,
  memoryMib: AS_IT_IS,
  diskGib: AS_IT_IS,
  metadata: json(),
  envVars: json(),
  network: NETWORK,
  services: json(),
  sshKeys: json(),
  autoResume: FLAG,
  inactivityMs: AS_IT_IS,
  inactivityAction: AS_IT_IS,
  guestWorkCounts: FLAG,
  maxLifeMs: AS_IT_IS,
  maxLifeAction: AS_IT_IS,
  autoDeleteMs: AS_IT_IS,
  ephemeral: FLAG,
  cwd: AS_IT_IS,
  template: AS_IT_IS,
  templateRef: AS_IT_IS,
  volumes: json(),
  durability: AS_IT_IS,
  restartPolicy: AS_IT_IS,
  privateTraffic: FLAG,
  maskHost: AS_IT_IS,
  interception: INTERCEPTION,
};

export const SETTINGS = Object.keys(COLUMNS) as readonly (keyof VmSettings)[];

export function readSettings(row: SettingsRow): VmSettings {
  // The table above pairs each name with its two types; over all names at once that cannot be said.
  return Object.fromEntries(
    SETTINGS.map((name) => [name, (COLUMNS[name] as Column<unknown, unknown>).read(row[name])]),
  ) as unknown as VmSettings;
}

/** Of the settings that are there. One that is there and `undefined` says something: no policy again. */
export function writeSettings<Some extends Partial<VmSettings>>(
  settings: Some,
): Pick<SettingsRow, keyof Some & keyof VmSettings> {
  const given = SETTINGS.filter((name) => Object.hasOwn(settings, name));
  return Object.fromEntries(
    given.map((name) => [name, (COLUMNS[name] as Column<unknown, unknown>).write(settings[name])]),
  ) as Pick<SettingsRow, keyof Some & keyof VmSettings>;
}
