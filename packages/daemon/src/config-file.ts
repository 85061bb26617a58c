/**
 * The machine's settings, `/etc/fastvm/config.toml`. Its table `daemon` has a key for each variable of the daemon's environment, and what
 * stands there is checked here for its kind; beside it stand the two settings of the command, which reads them itself.
 */
import { readFileSync } from "node:fs";
import { nearestName } from "@fastvm/contract";
import { parse } from "smol-toml";

type Kind = "text" | "number" | "list" | "switch";
type Value = string | readonly string[];

/** All settings of the daemon. In the table they have this name; a variable is the same word in capitals behind `FASTVM_`. */
const KINDS = {
  allow_import: "list",
  allow_mount: "list",
  allow_bucket_network: "list",
  cache_dir: "text",
  cache_gib: "number",
  console_origins: "list",
  database_url: "text",
  data_dir: "text",
  domain: "text",
  host: "text",
  image_dir: "text",
  ipv6_prefix: "text",
  log_level: "text",
  memory_overcommit: "number",
  nameservers: "list",
  network: "text",
  path_urls: "switch",
  pool_max_size: "number",
  pool_memory_mib: "number",
  pool_size: "number",
  port: "number",
  public_url: "text",
  quarantine_hours: "number",
  publish_addresses: "list",
  sealing_key_file: "text",
  tls_cert: "text",
  tls_key: "text",
  traces_endpoint: "text",
  webhook_networks: "list",
} as const satisfies Readonly<Record<string, Kind>>;

export type Variable = `FASTVM_${Uppercase<keyof typeof KINDS>}`;
const PREFIX = "FASTVM_";
export const VARIABLES: readonly string[] = Object.keys(KINDS).map(variableOf);

const TABLE = "daemon";
/** The command's. */
const OF_CLIENTS = ["api_key", "base_url"];
const EXPECTED: Readonly<Record<Kind, string>> = {
  text: 'text in quotes, such as "value"',
  number: "a number",
  list: 'a list of texts, such as ["one", "other"]',
  switch: "true or false",
};

export interface FileSettings {
  readonly path: string;
  /** By their variables, and as these would have them; lists as they are, since items may hold what separates a variable's. */
  readonly values: ReadonlyMap<string, Value>;
}

/** Throws where the file says what cannot be meant. One that is not there says nothing, unless it was asked for by name. */
export function readConfigFile(path: string, isNamed: boolean): FileSettings {
  const text = readText(path, isNamed);
  return { path, values: text === undefined ? new Map() : settingsOf(path, text) };
}

function variableOf(key: string): string {
  return `${PREFIX}${key.toUpperCase()}`;
}

/** As the table has it. */
export function keyOf(variable: Variable): string {
  return variable.slice(PREFIX.length).toLowerCase();
}

function readText(path: string, isNamed: boolean): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (!isNamed && error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function settingsOf(path: string, text: string): ReadonlyMap<string, Value> {
  const document = parseText(path, text);
  refuseUnknown(path, Object.keys(document), [TABLE, ...OF_CLIENTS]);
  const table = document[TABLE] ?? {};
  if (!isTable(table)) throw new Error(`${path}: ${TABLE} must be a table, [${TABLE}]`);
  refuseUnknown(path, Object.keys(table), Object.keys(KINDS));
  return new Map(
    Object.entries(KINDS).flatMap(([key, kind]): [string, Value][] => {
      const value = table[key];
      return value === undefined ? [] : [[variableOf(key), checkKind(path, key, kind, value)]];
    }),
  );
}

function parseText(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    // Behind the first line it shows the place, which `line` tells, too.
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    const line = error instanceof Error && "line" in error ? `:${String(error.line)}` : "";
    throw new Error(`${path}${line} cannot be understood: ${reason}`, { cause: error });
  }
}

/** A setting that nobody reads may have been meant to take something away, such as the VMs' network. */
function refuseUnknown(path: string, found: readonly string[], known: readonly string[]): void {
  const unknown = found.find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  const hint = nearest === undefined ? `there are: ${known.join(", ")}` : `did you mean ${nearest}?`;
  throw new Error(`${path}: ${unknown} is not known: ${hint}`);
}

function checkKind(path: string, key: string, kind: Kind, value: unknown): Value {
  if (kind === "text" && typeof value === "string" && value !== "") return value;
  if (kind === "number" && typeof value === "number") return String(value);
  if (kind === "switch" && typeof value === "boolean") return value ? "on" : "off";
  if (kind === "list" && Array.isArray(value) && value.every((item) => typeof item === "string"))
    return value;
  throw new Error(`${path}: ${key} must be ${EXPECTED[kind]}`);
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
