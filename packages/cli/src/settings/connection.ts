/** Which server to talk to and with which key: flag, environment, config file, then the daemon of this machine. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../user-error.ts";
import { readConfigFile } from "./config-file.ts";
import type { Environment } from "./environment.ts";

const LOCAL_BASE_URL = "http://127.0.0.1:8800";

interface Connection {
  readonly baseUrl: string;
  readonly apiKey: string;
}

interface ConnectionFlags {
  readonly apiKey?: string;
  readonly baseUrl?: string;
}

/** Throws a UserError when no key is to be found. */
export async function findConnection(flags: ConnectionFlags, environment: Environment): Promise<Connection> {
  const config = await readConfigFile(environment.configDir);
  const baseUrl =
    flags.baseUrl ||
    environment.baseUrl ||
    config.base_url ||
    (await localUrl(environment)) ||
    LOCAL_BASE_URL;
  const apiKey =
    flags.apiKey || environment.apiKey || config.api_key || (await localKey(baseUrl, environment));
  if (apiKey !== undefined) return { baseUrl, apiKey };
  throw new UserError(
    "No API key",
    isLoopback(baseUrl)
      ? `Start the daemon with: fastvm serve. It writes its key to ${join(environment.dataDir, "api-key")}, for root alone`
      : "Set one with: fastvm config set api_key KEY, or in FASTVM_API_KEY",
  );
}

/** Where the daemon that has the data folder listens, as it wrote there. */
async function localUrl({ dataDir }: Environment): Promise<string | undefined> {
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
async function localKey(baseUrl: string, { dataDir }: Environment): Promise<string | undefined> {
  if (!isLoopback(baseUrl)) return undefined;
  const key = await readFile(join(dataDir, "api-key"), "utf8").catch(() => "");
  return key.trim() || undefined;
}

function isLoopback(baseUrl: string): boolean {
  return URL.canParse(baseUrl) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(baseUrl).hostname);
}
