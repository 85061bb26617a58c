/**
 * Where machines are reached and with which key: the line, the environment, `.env` of this folder, then the files of those
 * command lines.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { environmentVariable } from "./environment.ts";
import type { Environment } from "./environment.ts";

interface Flags {
  readonly apiKey?: string;
  readonly baseUrl?: string;
}

interface MachinesConnection {
  readonly apiKey: string | undefined;
  readonly baseUrl: string;
}

const LOCAL_BASE_URL = "http://127.0.0.1:8800";

/** Without a key the client says what to do. */
export async function findMachinesConnection(
  flags: Flags,
  environment: Environment,
): Promise<MachinesConnection> {
  const dotenv = await readDotenv(".env");
  const config = await readJson(join(environment.configDir, "..", "nullspace", "config.json"));
  const legacy = await readJson(join(environment.homeDir, ".nullspace", "config.json"));
  const first = (name: string, field: string): string | undefined =>
    environmentVariable(name) || dotenv.get(name) || config[field] || legacy[field];
  return {
    apiKey: flags.apiKey || first("NULLSPACE_API_KEY", "api_key"),
    baseUrl: flags.baseUrl || first("NULLSPACE_API_URL", "api_url") || environment.baseUrl || LOCAL_BASE_URL,
  };
}

async function readDotenv(path: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.matchAll(/^\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*$/gm);
  return new Map(
    [...lines].map(([, name = "", value = ""]) => [name, value.replace(/^(["'])(.*)\1$/, "$2")]),
  );
}

async function readJson(path: string): Promise<Readonly<Record<string, string | undefined>>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    // There is none, or none that can be read: what it would have said has to be said elsewhere.
    return {};
  }
}
