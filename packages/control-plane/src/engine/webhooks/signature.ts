/**
 * What a receiver knows our requests by. The instant is signed with the rest, so that an old request cannot be sent again later:
 *
 *     t=<seconds since 1970>,v1=<hex of HMAC-SHA-256 with the secret over "<t>.<body>">
 */
import { createHmac } from "node:crypto";

export const SIGNATURE_VERSION = "v1";

interface Signed {
  readonly atMs: number;
  readonly body: string;
}

export function signatureOf(secret: string, { atMs, body }: Signed): string {
  const at = Math.floor(atMs / 1000);
  const code = createHmac("sha256", secret).update(`${at}.${body}`).digest("hex");
  return `t=${at},${SIGNATURE_VERSION}=${code}`;
}
