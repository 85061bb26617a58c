/**
 * Which server to talk to and with which key: flag, environment, context, the user's file, the machine's, then the daemon of this
 * machine. The key of a context, and of the machine's file, is for the server beside it alone.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../user-error.ts";
import { readConfigFile } from "./config-file.ts";
import { findContext, readContexts } from "./contexts.ts";
import type { Context } from "./contexts.ts";
import type { Environment } from "./environment.ts";
import { readMachineFile } from "./machine-file.ts";

const DEFAULT_DATA_DIR = "/var/lib/fastvm";
const LOCAL_BASE_URL = "http://127.0.0.1:8800";

interface Connection {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** PEM. */
  readonly ca?: string;
}

interface ConnectionFlags {
  readonly context?: string;
  readonly apiKey?: string;
  readonly baseUrl?: string;
}

/** Throws a UserError when no key is to be found. */
export async function findConnection(flags: ConnectionFlags, environment: Environment): Promise<Connection> {
  const config = await readConfigFile(environment.configDir);
  const machine = await readMachineFile(environment.machineFile);
  const dataDir = environment.dataDir ?? machine.dataDir ?? DEFAULT_DATA_DIR;
  const { context, isLocal } = await chosenContext(flags, environment);
  // What was asked for on the line goes before what the environment says to all lines.
  const named = flags.context === undefined ? undefined : context;
  const baseUrl =
    flags.baseUrl ||
    named?.url ||
    environment.baseUrl ||
    context?.url ||
    (isLocal ? undefined : config.base_url || machine.baseUrl) ||
    (await localUrl(dataDir)) ||
    LOCAL_BASE_URL;
  const own = context !== undefined && isSameServer(context.url, baseUrl) ? context : undefined;
  const apiKey =
    flags.apiKey ||
    (named && own?.apiKey) ||
    environment.apiKey ||
    own?.apiKey ||
    (isLocal ? undefined : config.api_key || machineKey(machine, baseUrl)) ||
    (await localKey(baseUrl, dataDir));
  if (apiKey !== undefined) return { baseUrl, apiKey, ...(own?.ca !== undefined && { ca: own.ca }) };
  throw new UserError(
    "No API key",
    isLoopback(baseUrl)
      ? `Start the daemon with: fastvm serve. It writes its key to ${join(dataDir, "api-key")}, for root alone`
      : "Log in with: fastvm login URL, or set a key in FASTVM_API_KEY",
  );
}

/** `isLocal`: this machine's daemon was asked for by that name. */
async function chosenContext(
  flags: ConnectionFlags,
  environment: Environment,
): Promise<{ readonly context: Context | undefined; readonly isLocal: boolean }> {
  const contexts = await readContexts(environment.configDir);
  const asked = flags.context ?? environment.context;
  const name = asked ?? contexts.current;
  if (name === undefined) return { context: undefined, isLocal: false };
  const context = findContext(contexts, name);
  return { context, isLocal: context === undefined };
}

function isSameServer(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin;
}

function machineKey(
  { baseUrl: own, apiKey }: { readonly baseUrl: string | undefined; readonly apiKey: string | undefined },
  baseUrl: string,
): string | undefined {
  return own !== undefined && isSameServer(own, baseUrl) ? apiKey : undefined;
}

/** Where the daemon that has the data folder listens, as it wrote there. */
async function localUrl(dataDir: string): Promise<string | undefined> {
  const text = await readFile(join(dataDir, "daemon.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { url } = JSON.parse(text) as { url?: unknown };
    return typeof url === "string" ? url : undefined;
  } catch {
    // Half written: the daemon is starting.
    return undefined;
  }
}

/** The local daemon's key, which is never sent to another machine. */
async function localKey(baseUrl: string, dataDir: string): Promise<string | undefined> {
  if (!isLoopback(baseUrl)) return undefined;
  const key = await readFile(join(dataDir, "api-key"), "utf8").catch(() => "");
  return key.trim() || undefined;
}

export function isLoopback(baseUrl: string): boolean {
  return URL.canParse(baseUrl) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(baseUrl).hostname);
}
