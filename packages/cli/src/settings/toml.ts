/** Files in TOML, and texts in them, with what is wrong said for people. */
import { readFile } from "node:fs/promises";
import { parse } from "smol-toml";
import { UserError } from "../user-error.ts";

/** Empty when there is none. */
export async function readToml(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function parseToml(file: string, text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    // Behind the first line it shows the place, which may hold a key.
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    const line = error instanceof Error && "line" in error ? `:${String(error.line)}` : "";
    throw new UserError(`${file}${line} cannot be understood: ${reason}`);
  }
}

export function stringIn(file: string, table: Record<string, unknown>, key: string): string | undefined {
  const value = table[key];
  if (value === undefined || typeof value === "string") return value;
  throw new UserError(`${file}: ${key} must be text in quotes`);
}
