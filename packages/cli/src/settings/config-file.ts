/**
 * `config.toml` of the user: two settings, `api_key` and `base_url`. The file may hold more, written by people or by other
 * programs; what is not ours stays as it is.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../user-error.ts";
import { parseToml, readToml, stringIn } from "./toml.ts";
import { writeWholeFile } from "./whole-file.ts";

export const CONFIG_KEYS = ["api_key", "base_url"] as const;
export type ConfigKey = (typeof CONFIG_KEYS)[number];
type Config = Partial<Record<ConfigKey, string>>;

/** Where one of them is set on a line of its own, before the first table. */
const ASSIGNMENT = /^\s*(?:"|')?(api_key|base_url)(?:"|')?\s*=/;
const TABLE = /^\s*\[/;

export function isConfigKey(name: string): name is ConfigKey {
  return CONFIG_KEYS.some((key) => key === name);
}

export async function readConfigFile(configDir: string): Promise<Config> {
  const file = fileIn(configDir);
  const document = parseToml(file, await readToml(file));
  return Object.fromEntries(
    CONFIG_KEYS.flatMap((key) => {
      const value = stringIn(file, document, key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** Replaces the file in one step, readable by its owner alone: it holds a key. */
export async function writeConfigValue(configDir: string, key: ConfigKey, value: string): Promise<void> {
  const file = fileIn(configDir);
  const lines = (await readToml(file)).split("\n");
  parseToml(file, lines.join("\n"));
  const firstTable = lines.findIndex((line) => TABLE.test(line));
  const top = firstTable === -1 ? lines.length : firstTable;
  const kept = lines.filter((line, index) => index >= top || ASSIGNMENT.exec(line)?.[1] !== key);
  // First, so that it never lands in a table of somebody else's. Every escape that JSON writes means the same in TOML.
  const text = [`${key} = ${JSON.stringify(value)}`, ...kept].join("\n").trimEnd();
  if (stringIn(file, parseAgain(file, text), key) !== value) throw cannotChange(file);
  await mkdir(configDir, { recursive: true, mode: 0o700 });
  await writeWholeFile(file, `${text}\n`, { existingMode: "replaced" });
}

/** A value of many lines is more than a line that goes. */
function parseAgain(file: string, text: string): Record<string, unknown> {
  try {
    return parseToml(file, text);
  } catch {
    throw cannotChange(file);
  }
}

function cannotChange(file: string): UserError {
  return new UserError(`${file} cannot be changed line by line`, "Change it by hand");
}

function fileIn(configDir: string): string {
  return join(configDir, "config.toml");
}
