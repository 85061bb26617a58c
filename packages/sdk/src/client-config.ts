/**
 * Where a client's settings come from: the constructor's options, then the environment, then the defaults. The only
 * place in the SDK that reads the environment, and it works where there is none (a browser).
 */
import { FastvmError } from "./errors.ts";

const DEFAULT_BASE_URL = "https://api.fastvm.org";

/** Long enough for any plain read or write of a record; calls that move a whole VM have `VM_WORK_TIMEOUT_MS`. */
export const DEFAULT_TIMEOUT_MS = 60_000;

/** Launch, snapshot, fork, pause, resume and run: as long as Node's own fetch waits for an answer's headers. */
export const VM_WORK_TIMEOUT_MS = 300_000;

/** Two retries: three attempts in all, as every generation of the public clients makes. */
const DEFAULT_MAX_RETRIES = 2;

export interface ClientOptions {
  /** Default: the environment's `FASTVM_API_KEY`. Without either, the constructor throws. */
  readonly apiKey?: string | undefined;
  /** Default: the environment's `FASTVM_BASE_URL`, else `https://api.fastvm.org`. A path in it is kept. */
  readonly baseUrl?: string | undefined;
  /** The same under the published package's name. */
  readonly baseURL?: string | null | undefined;
  /** Milliseconds for one attempt. Default: 60 s, and 300 s for calls that move a whole VM. */
  readonly timeoutMs?: number | undefined;
  /** The same under the published package's name. */
  readonly timeout?: number | undefined;
  /** Attempts after the first, for calls that are safe to repeat. Default 2. */
  readonly maxRetries?: number | undefined;
  /** Replaces the global `fetch`, for a proxy or a test. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Sent with every call; wins over `FASTVM_CUSTOM_HEADERS`. */
  readonly defaultHeaders?: Readonly<Record<string, string>> | undefined;
  /** What is told to `logger`. Default: the environment's `FASTVM_LOG`, else `warn`. Keys and bodies never are. */
  readonly logLevel?: LogLevel | undefined;
  /** Default: the console. */
  readonly logger?: Logger | undefined;
}

export type LogLevel = "off" | "error" | "warn" | "info" | "debug";

export type Logger = Readonly<Record<Exclude<LogLevel, "off">, (message: string) => void>>;

/** From quiet to loud. */
const LOG_LEVELS: readonly LogLevel[] = ["off", "error", "warn", "info", "debug"];
const DEFAULT_LOG_LEVEL: LogLevel = "warn";

export interface ClientConfig {
  readonly apiKey: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Absent: each call has its own default. */
  readonly timeoutMs?: number;
  readonly maxRetries: number;
  readonly fetch: typeof globalThis.fetch;
  readonly headers: Readonly<Record<string, string>>;
  /** The key goes in `Authorization`, as the APIs of machines and sandboxes have it, and not in `X-API-Key`. */
  readonly isBearer?: boolean;
  log(level: Exclude<LogLevel, "off">, message: string): void;
}

/** Throws a FastvmError when there is no API key or the base URL cannot be one. */
export function readClientConfig(options: ClientOptions): ClientConfig {
  const apiKey = options.apiKey ?? readEnvironment("FASTVM_API_KEY");
  if (apiKey === undefined || apiKey === "") {
    throw new FastvmError("No API key: pass { apiKey } or set the FASTVM_API_KEY environment variable");
  }
  const given = options.baseUrl || options.baseURL || readEnvironment("FASTVM_BASE_URL");
  const baseUrl = checkBaseUrl(given || DEFAULT_BASE_URL);
  const timeoutMs = options.timeoutMs ?? options.timeout;
  return {
    apiKey,
    baseUrl,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    maxRetries: options.maxRetries ?? DEFAULT_MAX_RETRIES,
    // Called through a closure: a browser's fetch refuses to run with another `this`.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers: {
      ...parseHeaderLines(readEnvironment("FASTVM_CUSTOM_HEADERS") ?? ""),
      ...options.defaultHeaders,
    },
    log: logOf(options),
  };
}

/** Of the API of machines: another key, of another form, in variables of its own. */
export function readMachinesConfig(options: ClientOptions): ClientConfig | undefined {
  const apiKey = options.apiKey || readEnvironment("NULLSPACE_API_KEY");
  if (apiKey === undefined) return undefined;
  const baseUrl = options.baseUrl || options.baseURL || readEnvironment("NULLSPACE_API_URL");
  return { ...readClientConfig({ ...options, apiKey, baseUrl }), isBearer: true };
}

/** Of the API of sandboxes, in the variables of its published client. Throws a FastvmError without a key. */
export function readSandboxesConfig(options: ClientOptions): ClientConfig {
  const apiKey = options.apiKey || readEnvironment("MSB_API_KEY");
  if (apiKey === undefined)
    throw new FastvmError("No API key: pass { apiKey } or set the MSB_API_KEY environment variable");
  const baseUrl = options.baseUrl || options.baseURL || readEnvironment("MSB_API_URL");
  return { ...readClientConfig({ ...options, apiKey, baseUrl }), isBearer: true };
}

/** By which one shows who asks. */
export function credentialsOf({
  apiKey,
  isBearer,
}: Pick<ClientConfig, "apiKey" | "isBearer">): Record<string, string> {
  return isBearer === true ? { authorization: `Bearer ${apiKey}` } : { "x-api-key": apiKey };
}

function logOf({ logLevel, logger = globalThis.console }: ClientOptions): ClientConfig["log"] {
  const named = LOG_LEVELS.find((level) => level === readEnvironment("FASTVM_LOG"));
  const loudest = LOG_LEVELS.indexOf(logLevel ?? named ?? DEFAULT_LOG_LEVEL);
  return (level, message) => {
    if (LOG_LEVELS.indexOf(level) <= loudest) logger[level](`fastvm: ${message}`);
  };
}

function checkBaseUrl(value: string): string {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw new FastvmError(`The base URL ${JSON.stringify(value)} is not an http or https URL`);
  }
  return value.replace(/\/+$/, "");
}

/** `Name: value` lines; a line without a colon is skipped. */
function parseHeaderLines(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return headers;
}

/** An empty variable counts as unset, so that `FASTVM_BASE_URL= node app.ts` means the default. */
function readEnvironment(name: string): string | undefined {
  const value = environment()[name]?.trim();
  return value === "" ? undefined : value;
}

/** This process's environment with some variables changed, for a program that is started. */
export function environmentWith(
  changes: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  return { ...environment(), ...changes };
}

function environment(): Readonly<Record<string, string | undefined>> {
  const runtime: { process?: { env?: Record<string, string | undefined> } } = globalThis;
  return runtime.process?.env ?? {};
}
