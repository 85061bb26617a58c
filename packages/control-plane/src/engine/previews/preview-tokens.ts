/** Tokens that open previews: random, told once, kept as digests where every control plane sees them. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { CREDENTIAL_PREFIX } from "@fastvm/contract";
import type { PreviewFamily } from "../../store/schema.ts";

const TOKEN_BYTES = 32;
const REST = /^[A-Za-z0-9_-]{43}$/;

const PREFIX: Readonly<Record<PreviewFamily, string>> = {
  url: CREDENTIAL_PREFIX.previewUrl,
  socket_url: CREDENTIAL_PREFIX.previewSocketUrl,
  cookie: CREDENTIAL_PREFIX.previewCookie,
  proxy: CREDENTIAL_PREFIX.previewProxy,
  socket_proxy: CREDENTIAL_PREFIX.previewSocketProxy,
};

export function newToken(family: PreviewFamily): string {
  return newSecret(PREFIX[family]);
}

export function newTrafficSecret(): string {
  return newSecret(CREDENTIAL_PREFIX.previewTraffic);
}

/** Strangers may send anything: what cannot be one costs the database nothing. */
export function hasForm(text: string, family: PreviewFamily): boolean {
  const prefix = PREFIX[family];
  return text.startsWith(prefix) && REST.test(text.slice(prefix.length));
}

/**
 * The cookie that goes on for a URL's token. It follows from the token, so nothing need be kept of those who opened
 * the URL; the token does not follow from it, so who reads a cookie has no URL to pass on.
 */
export function continuationOf(urlToken: string): string {
  return PREFIX.cookie + createHash("sha256").update(`continuation ${urlToken}`).digest("base64url");
}

/** Lookups by digest take the same time whatever of the token is right. */
export function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

export function hasDigest(token: string, digest: string): boolean {
  return timingSafeEqual(Buffer.from(digestOf(token)), Buffer.from(digest));
}

function newSecret(prefix: string): string {
  return prefix + randomBytes(TOKEN_BYTES).toString("base64url");
}
