/** A whole firewall from a file: all that the API takes, in whichever of its dialects; the server says what is wrong with it. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { NetworkPolicy } from "fastvm";
import { UserError } from "../../user-error.ts";

/** `-` is stdin. */
export async function readPolicy(path: string): Promise<NetworkPolicy> {
  return await readObject(path, "policy", '{"egress": {"default": "deny", "rules": []}}');
}

/** The same of whatever else has to be an object. `example`: what one looks like. */
export async function readObject(path: string, what: string, example: string): Promise<object> {
  const json = path === "-" ? await text(process.stdin) : await readText(path);
  let found: unknown;
  try {
    found = JSON.parse(json);
  } catch (error) {
    throw new UserError(`The ${what} in ${path} is not JSON: ${error instanceof Error ? error.message : ""}`);
  }
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found;
  throw new UserError(`The ${what} in ${path} is not an object`, `Such as ${example}`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${error instanceof Error ? error.message : ""}`);
  }
}
