/**
 * `config.toml`: two settings, `api_key` and `base_url`. The file may hold more, written by people or by other
 * programs; what is not ours stays as it is.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../user-error.ts";

export const CONFIG_KEYS = ["api_key", "base_url"] as const;
export type ConfigKey = (typeof CONFIG_KEYS)[number];
type Config = Partial<Record<ConfigKey, string>>;

/** `key = "basic"` or `key = 'literal'`, before the first table. */
const ASSIGNMENT = /^\s*(api_key|base_url)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*')\s*(?:#.*)?$/;
const TABLE = /^\s*\[/;

export function isConfigKey(name: string): name is ConfigKey {
  return CONFIG_KEYS.some((key) => key === name);
}

export async function readConfigFile(configDir: string): Promise<Config> {
  const config: Config = {};
  for (const line of topLines(await readText(configDir))) {
    const [, key, quoted] = ASSIGNMENT.exec(line) ?? [];
    if (key !== undefined && quoted !== undefined && isConfigKey(key)) config[key] = unquote(quoted);
  }
  return config;
}

/** Replaces the file in one step, readable by its owner alone: it holds a key. */
export async function writeConfigValue(configDir: string, key: ConfigKey, value: string): Promise<void> {
  const lines = (await readText(configDir)).split("\n").filter((line) => ASSIGNMENT.exec(line)?.[1] !== key);
  // First, so that it never lands in a table of somebody else's.
  const text = [`${key} = ${quote(value)}`, ...lines].join("\n").trimEnd();
  await mkdir(configDir, { recursive: true, mode: 0o700 });
  const file = join(configDir, "config.toml");
  await writeFile(`${file}.${process.pid}`, `${text}\n`, { mode: 0o600 });
  await rename(`${file}.${process.pid}`, file);
}

async function readText(configDir: string): Promise<string> {
  const file = join(configDir, "config.toml");
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function topLines(text: string): readonly string[] {
  const lines = text.split("\n");
  const table = lines.findIndex((line) => TABLE.test(line));
  return table === -1 ? lines : lines.slice(0, table);
}

/** Every escape that JSON writes means the same in a TOML basic string. */
function quote(value: string): string {
  return JSON.stringify(value);
}

function unquote(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw new UserError(`config.toml has a value that cannot be read: ${quoted}`);
  }
}
