/** OpenSSH public keys: checked, stripped of their comment, and named by their fingerprint. */
import { createHash } from "node:crypto";
import { FastvmError } from "@fastvm/contract";

const KEY_TYPES = [
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
];

interface PublicKey {
  /** `<type> <base64>`. */
  readonly publicKey: string;
  /** `SHA256:` and unpadded base64, as `ssh-keygen -lf` prints it. */
  readonly fingerprint: string;
}

/**
 * Throws `invalid_request`. The line break that ends a file may be there; one inside is
 * refused and not cut: what follows it would be a second key.
 */
export function parsePublicKey(text: string): PublicKey {
  const line = text.replace(/\r?\n$/, "");
  if (/[\r\n\0]/.test(line)) throw invalid("publicKey must be one line");
  const [type = "", encoded = ""] = line.trim().split(/\s+/);
  if (!KEY_TYPES.includes(type)) {
    throw invalid(`publicKey must begin with one of ${KEY_TYPES.join(", ")}`);
  }
  const blob = Buffer.from(encoded, "base64");
  // A blob begins with its own type; anything else is a key that was cut or put together by mistake.
  const length = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  const isWhole = blob.toString("base64").replaceAll("=", "") === encoded.replaceAll("=", "");
  if (!isWhole || blob.toString("latin1", 4, 4 + length) !== type || blob.length <= 4 + length) {
    throw invalid("publicKey is not a whole OpenSSH public key");
  }
  const digest = createHash("sha256").update(blob).digest("base64").replaceAll("=", "");
  return { publicKey: `${type} ${encoded}`, fingerprint: `SHA256:${digest}` };
}

function invalid(detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field: "publicKey" });
}
