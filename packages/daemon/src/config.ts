/**
 * The daemon's settings: flags win over the environment, the environment over the machine's file, that over the defaults. The only place
 * that reads the environment.
 */
import { join, resolve } from "node:path";
import { DEFAULT_PORT, nearestName } from "@fastvm/contract";
import { isNameserver, isNetwork } from "@fastvm/worker";
import { keyOf, readConfigFile, VARIABLES } from "./config-file.ts";
import type { FileSettings, Variable } from "./config-file.ts";
import { serviceManagerOf } from "./service-manager.ts";
import type { ManagerSettings } from "./service-manager.ts";
import { tracesSettingsOf, type TracesSettings } from "./traces-settings.ts";

type NetworkMode = "on" | "none";

export interface DaemonConfig {
  /** Where the API listens. Loopback unless told otherwise. */
  readonly host: string;
  /** 0: one that is free when the daemon starts. */
  readonly port: number;
  /** Services of VMs are at `*.proxy.<domain>` of the API's port. */
  readonly domain: string;
  /** Whether they have URLs by path of the API's host too. */
  readonly pathUrls: boolean;
  readonly dataDir: string;
  readonly cacheDir: string;
  /** What images and templates may take in it; beyond it goes what was not used for the longest time. Default: a third of the disk. */
  readonly cacheGib: number | undefined;
  /** Folders of this machine that images may be made of. */
  readonly importFolders: readonly string[];
  /** Folders of this machine that VMs may mount, and what is beneath. */
  readonly mountFolders: readonly string[];
  /** Addresses of this machine, beside its loopback, whose ports may lead to VMs. */
  readonly publishAddresses: readonly string[];
  /** Guarded networks that have stores of objects whose buckets VMs may mount. */
  readonly bucketNetworks: readonly string[];
  /** A folder made by guest/image/build.sh. */
  readonly imageDir: string;
  /** Absent: SQLite in the data folder. */
  readonly databaseUrl: string | undefined;
  /** VMs that stand by, and processes that wait, of each machine that is launched. */
  readonly poolSize: number;
  /** How many there are at most where launches found none. */
  readonly poolMaxSize: number;
  /** What those of all machines may take of the memory. */
  readonly poolMemoryMib: number;
  /** How long VMs and snapshots that no record knows are kept. */
  readonly quarantineHours: number;
  /** How many times the memory there is may be promised to VMs that run: most idle, and share what they have of their template. */
  readonly memoryOvercommit: number;
  /** `none`: VMs have no network interface. */
  readonly network: NetworkMode;
  /** Network from which VMs get their public addresses, such as `2001:db8:1::/64`; default: one of unique local addresses. */
  readonly ipv6Prefix: string | undefined;
  /** Whom the VMs' resolver asks; default: the nameservers of the host. */
  readonly nameservers: readonly string[] | undefined;
  /** Absent: the API is served in cleartext. */
  readonly tls: TlsPaths | undefined;
  /**
   * How clients reach the API, such as `https://fastvm.example.com`, where that is not how their requests arrive; default: as they arrive.
   */
  readonly publicUrl: string | undefined;
  /** Pages, beside the API's own, whose scripts may open consoles with a token. */
  readonly consoleOrigins: readonly string[];
  /** Private networks into which webhooks may lead, such as `10.1.0.0/16`. */
  readonly webhookNetworks: readonly string[];
  /** A file with the keys that seal secrets of organisations; default: one that is made in the data folder. */
  readonly sealingKeyFile: string | undefined;
  readonly logLevel: string;
  /** Absent: there are no spans. */
  readonly traces: TracesSettings | undefined;
  /** Whom to tell how the daemon fares; absent: it was started by nobody who waits to hear. */
  readonly manager: ManagerSettings | undefined;
  /** For tests, which alone can give it: a folder whose files say at which step what is to fail. No flag and no variable leads here. */
  readonly stepsFolder?: string;
  /** How long a request waits for its VM to wake, in ms; as `stepsFolder`, for tests. */
  readonly wakeMs?: number;
  /** `false`: volumes grow as where the kernel does not let the daemon; as `stepsFolder`, for tests. */
  readonly growsMountedVolumes?: boolean;
}

/** Files in PEM: the certificate with its chain, and its key. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

export interface DaemonFlags {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly domain?: string | undefined;
  readonly pathUrls?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly cacheGib?: number | undefined;
  readonly allowImport?: readonly string[] | undefined;
  readonly allowMount?: readonly string[] | undefined;
  readonly publishAddress?: readonly string[] | undefined;
  readonly allowBucketNetwork?: readonly string[] | undefined;
  readonly databaseUrl?: string | undefined;
  readonly poolSize?: number | undefined;
  readonly poolMaxSize?: number | undefined;
  readonly poolMemoryMib?: number | undefined;
  readonly quarantineHours?: number | undefined;
  readonly memoryOvercommit?: number | undefined;
  readonly network?: string | undefined;
  readonly ipv6Prefix?: string | undefined;
  readonly nameserver?: readonly string[] | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly consoleOrigin?: readonly string[] | undefined;
  readonly webhookNetwork?: readonly string[] | undefined;
  readonly sealingKeyFile?: string | undefined;
  readonly tracesEndpoint?: string | undefined;
  readonly logLevel?: string | undefined;
}

const PREFIX = "FASTVM_";
/** Names another file than the machine's. */
const CONFIG_FILE = "FASTVM_CONFIG_FILE";
const DEFAULT_CONFIG_FILE = "/etc/fastvm/config.toml";
const DEFAULT_HOST = "127.0.0.1";
/** Names under it lead to this machine without any DNS. */
const DEFAULT_DOMAIN = "localhost";
export { DEFAULT_PORT };
const DEFAULT_DATA_DIR = "/var/lib/fastvm";
const DEFAULT_CACHE_DIR = "/var/cache/fastvm";
/** Two VMs that stand by and two processes that wait make single launches quick and cost 150 MiB. */
const DEFAULT_POOL_SIZE = 2;
/** As many launches as come at once for a page of work; four machines that nobody waits for have theirs for the same memory. */
const DEFAULT_POOL_MAX_SIZE = 8;
/** Four machines have theirs. */
const DEFAULT_POOL_MEMORY_MIB = 600;
/** Over a night and a morning somebody notices that it was the wrong database. */
const DEFAULT_QUARANTINE_HOURS = 24;
/** Of 24 GiB, 188 machines of 2 GiB. An idle one takes 60 to 100 MiB, so that what is really free ends launches first. */
const DEFAULT_MEMORY_OVERCOMMIT = 16;
const DEFAULT_NETWORK: NetworkMode = "on";
const MAX_PORT = 65_535;

export function readConfig(flags: DaemonFlags = {}, env: NodeJS.ProcessEnv = process.env): DaemonConfig {
  refuseMisspelt(env);
  const { text, list, number } = settingsOf(env);
  const cacheDir = resolve(flags.cacheDir ?? text("FASTVM_CACHE_DIR") ?? DEFAULT_CACHE_DIR);
  return {
    host: flags.host ?? text("FASTVM_HOST") ?? DEFAULT_HOST,
    port: flags.port ?? number("FASTVM_PORT", upTo(MAX_PORT)) ?? DEFAULT_PORT,
    domain: (flags.domain ?? text("FASTVM_DOMAIN") ?? DEFAULT_DOMAIN).toLowerCase(),
    pathUrls: isOn("path URLs", flags.pathUrls ?? text("FASTVM_PATH_URLS") ?? "on"),
    dataDir: resolve(flags.dataDir ?? text("FASTVM_DATA_DIR") ?? DEFAULT_DATA_DIR),
    cacheDir,
    cacheGib: flags.cacheGib ?? number("FASTVM_CACHE_GIB", WHOLE),
    imageDir: resolve(text("FASTVM_IMAGE_DIR") ?? join(cacheDir, "images", "current")),
    mountFolders: (flags.allowMount ?? list("FASTVM_ALLOW_MOUNT") ?? []).map((folder) => resolve(folder)),
    publishAddresses: flags.publishAddress ?? list("FASTVM_PUBLISH_ADDRESSES") ?? [],
    bucketNetworks: networks(flags.allowBucketNetwork ?? list("FASTVM_ALLOW_BUCKET_NETWORK") ?? []),
    importFolders: (flags.allowImport ?? list("FASTVM_ALLOW_IMPORT") ?? []).map((folder) => resolve(folder)),
    databaseUrl: flags.databaseUrl ?? text("FASTVM_DATABASE_URL"),
    poolSize: flags.poolSize ?? number("FASTVM_POOL_SIZE", WHOLE) ?? DEFAULT_POOL_SIZE,
    poolMaxSize: flags.poolMaxSize ?? number("FASTVM_POOL_MAX_SIZE", WHOLE) ?? DEFAULT_POOL_MAX_SIZE,
    poolMemoryMib: flags.poolMemoryMib ?? number("FASTVM_POOL_MEMORY_MIB", WHOLE) ?? DEFAULT_POOL_MEMORY_MIB,
    quarantineHours:
      flags.quarantineHours ?? number("FASTVM_QUARANTINE_HOURS", WHOLE) ?? DEFAULT_QUARANTINE_HOURS,
    memoryOvercommit:
      flags.memoryOvercommit ?? number("FASTVM_MEMORY_OVERCOMMIT", FACTOR) ?? DEFAULT_MEMORY_OVERCOMMIT,
    network: networkMode(flags.network ?? text("FASTVM_NETWORK") ?? DEFAULT_NETWORK),
    ipv6Prefix: flags.ipv6Prefix ?? text("FASTVM_IPV6_PREFIX"),
    nameservers: nameservers(flags.nameserver ?? list("FASTVM_NAMESERVERS")),
    tls: tlsPaths(flags.tlsCert ?? text("FASTVM_TLS_CERT"), flags.tlsKey ?? text("FASTVM_TLS_KEY")),
    publicUrl: origin("public URL", flags.publicUrl ?? text("FASTVM_PUBLIC_URL")),
    consoleOrigins: (flags.consoleOrigin ?? list("FASTVM_CONSOLE_ORIGINS") ?? []).flatMap(
      (value) => origin("origin of consoles", value) ?? [],
    ),
    webhookNetworks: flags.webhookNetwork ?? list("FASTVM_WEBHOOK_NETWORKS") ?? [],
    sealingKeyFile: path(flags.sealingKeyFile ?? text("FASTVM_SEALING_KEY_FILE")),
    logLevel: flags.logLevel ?? text("FASTVM_LOG_LEVEL") ?? "info",
    traces: tracesSettingsOf(env, { flag: flags.tracesEndpoint, setting: text("FASTVM_TRACES_ENDPOINT") }),
    manager: serviceManagerOf(env),
  };
}

interface Settings {
  readonly text: (name: Variable) => string | undefined;
  readonly list: (name: Variable) => readonly string[] | undefined;
  readonly number: (name: Variable, range: Range) => number | undefined;
}

/** Of the environment, and of the machine's file where that says nothing. An empty variable counts as unset, as it does for the clients. */
function settingsOf(env: NodeJS.ProcessEnv): Settings {
  const named = env[CONFIG_FILE] || undefined;
  const file: FileSettings = readConfigFile(resolve(named ?? DEFAULT_CONFIG_FILE), named !== undefined);
  const text = (name: Variable): string | undefined => {
    const value = env[name] || file.values.get(name);
    return typeof value === "string" ? value : undefined;
  };
  return {
    text,
    list: (name) => {
      const value = env[name] || file.values.get(name);
      return typeof value === "string" ? itemsOf(value) : value;
    },
    number: (name, range) => {
      const value = text(name);
      if (value === undefined) return undefined;
      return numberIn(range, env[name] ? name : `${keyOf(name)} in ${file.path}`, value);
    },
  };
}

/**
 * A variable that nobody reads may have been meant to take something away, such as the
 * VMs' network. Others' are let be, as clients have some too.
 */
function refuseMisspelt(env: NodeJS.ProcessEnv): void {
  const known = [...VARIABLES, CONFIG_FILE];
  const names = known.map((name) => name.slice(PREFIX.length));
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || known.includes(name) || env[name] === "") continue;
    const nearest = nearestName(name.slice(PREFIX.length), names);
    if (nearest !== undefined) throw new Error(`${name} is not known: did you mean ${PREFIX}${nearest}?`);
  }
}

function path(value: string | undefined): string | undefined {
  return value === undefined ? undefined : resolve(value);
}

function networkMode(value: string): NetworkMode {
  if (value === "on" || value === "none") return value;
  throw new Error(`The network is "on" or "none", not "${value}"`);
}

function isOn(what: string, value: string): boolean {
  if (value === "on" || value === "off") return value === "on";
  throw new Error(`The ${what} are "on" or "off", not "${value}"`);
}

/** Separated by white space or commas. */
function itemsOf(value: string): readonly string[] {
  return value.split(/[\s,]+/).filter((item) => item !== "");
}

function nameservers(values: readonly string[] | undefined): readonly string[] | undefined {
  for (const value of values ?? []) {
    if (!isNameserver(value))
      throw new Error(
        `A nameserver is an address, such as 192.0.2.53 or [2001:db8::53]:5353, not "${value}"`,
      );
  }
  return values;
}

function tlsPaths(cert: string | undefined, key: string | undefined): TlsPaths | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert !== undefined && key !== undefined) return { cert: resolve(cert), key: resolve(key) };
  const [given, missing] = cert === undefined ? ["key", "certificate"] : ["certificate", "key"];
  throw new Error(
    `TLS needs a certificate and its key: there is a ${given} but no ${missing} ` +
      "(--tls-cert and --tls-key, or FASTVM_TLS_CERT and FASTVM_TLS_KEY)",
  );
}

/** Paths of the API begin at the root of its host. */
function origin(what: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin;
  throw new Error(`The ${what} is http or https, a host and perhaps a port, not "${value}"`);
}

interface Range {
  readonly form: RegExp;
  readonly least: number;
  readonly most: number;
  readonly words: string;
}

/** `Number` would also take "0x50", "8e3" and " ". */
const WHOLE: Range = {
  form: /^\d+$/,
  least: 0,
  most: Number.MAX_SAFE_INTEGER,
  words: "a whole number",
};
/** "1.5" counts; less than once would leave memory that nobody may use. */
const FACTOR: Range = { form: /^\d+(\.\d+)?$/, least: 1, most: Infinity, words: "a number from 1" };

function upTo(most: number): Range {
  return { ...WHOLE, most, words: `a whole number from 0 to ${most}` };
}

function numberIn({ form, least, most, words }: Range, name: string, value: string): number {
  const number = form.test(value) ? Number(value) : NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${name} must be ${words}, not "${value}"`);
}

function networks(given: readonly string[]): readonly string[] {
  for (const text of given) {
    if (!isNetwork(text))
      throw new Error(`A network is an address or a prefix, such as 10.1.0.0/16, not "${text}"`);
  }
  return given;
}
