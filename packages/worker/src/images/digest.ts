/** `sha256:` and 64 hexadecimal digits: the only names that what is kept of images has. */
import { createHash } from "node:crypto";

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const PREFIX = "sha256:";

export function isDigest(text: unknown): text is string {
  return typeof text === "string" && DIGEST.test(text);
}

export function digestOf(content: string | Uint8Array): string {
  return `${PREFIX}${createHash("sha256").update(content).digest("hex")}`;
}

export function digestFromHex(hex: string): string {
  return `${PREFIX}${hex}`;
}

export function hexOf(digest: string): string {
  return digest.slice(PREFIX.length);
}
