/** `sha256:` and 64 hexadecimal digits: the only names that what is kept of images has. */
import { createHash } from "node:crypto";

const PREFIX = "sha256:";

export function digestOf(content: string | Uint8Array): string {
  return `${PREFIX}${createHash("sha256").update(content).digest("hex")}`;
}

export function digestFromHex(hex: string): string {
  return `${PREFIX}${hex}`;
}

export function hexOf(digest: string): string {
  return digest.slice(PREFIX.length);
}
