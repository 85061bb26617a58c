/** A whole firewall from a file: all that the API takes, in whichever of its dialects; the server says what is wrong with it. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { NetworkPolicy } from "fastvm";
import { UserError } from "../../user-error.ts";

/** `-` is stdin. */
export async function readPolicy(path: string): Promise<NetworkPolicy> {
  const json = path === "-" ? await text(process.stdin) : await readText(path);
  let policy: unknown;
  try {
    policy = JSON.parse(json);
  } catch (error) {
    throw new UserError(`The policy in ${path} is not JSON: ${error instanceof Error ? error.message : ""}`);
  }
  if (typeof policy === "object" && policy !== null && !Array.isArray(policy)) return policy;
  throw new UserError(
    `The policy in ${path} is not an object`,
    'Such as {"egress": {"default": "deny", "rules": []}}',
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${error instanceof Error ? error.message : ""}`);
  }
}
