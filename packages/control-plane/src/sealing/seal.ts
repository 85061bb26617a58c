/**
 * A value as it may lie in a database that others read and write: nobody without the key can read it, and nobody can give it to another
 * organisation or another use, since what it is for is sealed with it.
 *
 *   fv1.<id of the key>.<base64url of nonce (12) | tag (16) | ciphertext>
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { OrgId } from "@fastvm/contract";

/** Whose and what for. It is not secret, and must be the same when the value is opened. */
export interface SealedFor {
  readonly orgId: OrgId;
  /** What kind of value it is, such as `registry`. */
  readonly purpose: string;
  /** Which of them. */
  readonly name: string;
}

export interface SealingKey {
  /** Tells with which key a value was sealed, once there are several. */
  readonly id: string;
  readonly bytes: Buffer;
}

const FORM = "fv1";
const CIPHER = "aes-256-gcm";
export const KEY_BYTES = 32;
/** As GCM wants it. Random ones are good for four billion values of one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function seal(key: SealingKey, value: string, sealedFor: SealedFor): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData(key.id, sealedFor));
  const text = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return [FORM, key.id, Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64url")].join(".");
}

/** How the sealed form of whatever that key sealed begins. */
export function sealedWith(keyId: string): string {
  return `${FORM}.${keyId}.`;
}

/** The id of the key that opens it. Throws for what is no sealed value. */
export function keyIdOf(sealed: string): string {
  const [form, id, content, ...rest] = sealed.split(".");
  if (form !== FORM || id === undefined || content === undefined || rest.length > 0)
    throw new Error("A sealed value has a form that is not known");
  return id;
}

/** Throws for a value that was sealed with another key or for something else, or that was changed. Says nothing of its content. */
export function unseal(key: SealingKey, sealed: string, sealedFor: SealedFor): string {
  const bytes = Buffer.from(sealed.split(".")[2] ?? "", "base64url");
  const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
  try {
    const decipher = createDecipheriv(CIPHER, key.bytes, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(additionalData(key.id, sealedFor));
    decipher.setAuthTag(tag);
    const text = bytes.subarray(NONCE_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(text), decipher.final()]).toString("utf8");
  } catch (error) {
    throw new Error("A sealed value was changed, or was sealed for something else", { cause: error });
  }
}

/** Each part apart from the next, whatever is in them. */
function additionalData(keyId: string, { orgId, purpose, name }: SealedFor): Buffer {
  return Buffer.from(JSON.stringify([FORM, keyId, orgId, purpose, name]));
}
