/** `--secret`: values that come from files or the environment, so that they stand on no command line. */
import { readFile } from "node:fs/promises";
import { environmentVariable } from "../../settings/environment.ts";
import { UserError } from "../../user-error.ts";

const HINT = "Give id=ID,src=FILE or id=ID,env=NAME";

export async function readSecrets(options: readonly string[]): Promise<Record<string, string> | undefined> {
  if (options.length === 0) return undefined;
  return Object.fromEntries(await Promise.all(options.map(readSecret)));
}

async function readSecret(option: string): Promise<readonly [string, string]> {
  const fields = new Map(option.split(",").map((field) => cut(field)));
  const id = fields.get("id");
  const [file, variable] = [fields.get("src") ?? fields.get("source"), fields.get("env")];
  if (id === undefined || id === "" || (file === undefined) === (variable === undefined)) {
    throw new UserError(`The secret ${JSON.stringify(option)} cannot be read`, HINT);
  }
  if (file === undefined) return [id, valueOf(variable ?? "")];
  try {
    return [id, await readFile(file, "utf8")];
  } catch (error) {
    throw new UserError(`Cannot read ${file}: ${error instanceof Error ? error.message : ""}`);
  }
}

function cut(field: string): readonly [string, string] {
  const equals = field.indexOf("=");
  return equals === -1 ? [field, ""] : [field.slice(0, equals), field.slice(equals + 1)];
}

function valueOf(variable: string): string {
  const value = environmentVariable(variable);
  if (value === undefined) throw new UserError(`There is no ${variable} in the environment`, HINT);
  return value;
}
