/**
 * User certificates as OpenSSH's PROTOCOL.certkeys has them. Written here, as ssh-keygen would want the authority's key in a file, and a
 * process for each login.
 *
 *   type | nonce | the public key's own fields | serial | 1 | key id | principals | after | before | critical options | extensions |
 *   reserved | the authority's public key | its signature over all of that
 */
import { createPrivateKey, createPublicKey, randomBytes, sign, type KeyObject } from "node:crypto";
import { firstString, sshString, sshU32, sshU64 } from "./ssh-wire.ts";

interface CertificateOrder {
  /** `<type> <base64>`, checked. */
  readonly publicKey: string;
  /** What servers log of a login. */
  readonly keyId: string;
  readonly principal: string;
  /** Seconds since 1970. */
  readonly validAfter: number;
  readonly validBefore: number;
}

const KEY_TYPE = "ssh-ed25519";
const RAW_KEY_BYTES = 32;
const NONCE_BYTES = 32;
const SERIAL_BYTES = 8;
const USER_CERTIFICATE = 1;
const CERTIFICATE_SUFFIX = "-cert-v01@openssh.com";
/** Of hardware keys, whose type ends so by itself. */
const VENDOR_SUFFIX = "@openssh.com";
/** A terminal, and nothing that is forwarded. */
const EXTENSIONS = ["permit-pty"];

/** One line, without a line break. */
export function certificateLine(order: CertificateOrder, authority: KeyObject): string {
  const { publicKey, keyId, principal, validAfter, validBefore } = order;
  const [keyType = "", encoded = ""] = publicKey.split(" ");
  const type = certificateType(keyType);
  const { rest: keyFields } = firstString(Buffer.from(encoded, "base64"));
  const body = Buffer.concat([
    sshString(type),
    sshString(randomBytes(NONCE_BYTES)),
    keyFields,
    randomBytes(SERIAL_BYTES),
    sshU32(USER_CERTIFICATE),
    sshString(keyId),
    sshString(sshString(principal)),
    sshU64(BigInt(validAfter)),
    sshU64(BigInt(validBefore)),
    sshString(""),
    sshString(Buffer.concat(EXTENSIONS.flatMap((name) => [sshString(name), sshString("")]))),
    sshString(""),
    sshString(publicBlob(createPublicKey(authority))),
  ]);
  const signature = Buffer.concat([sshString(KEY_TYPE), sshString(sign(undefined, body, authority))]);
  return `${type} ${Buffer.concat([body, sshString(signature)]).toString("base64")} ${keyId}`;
}

/** Of an Ed25519 key: `<type> <base64>`. */
export function publicKeyLine(key: KeyObject): string {
  return `${KEY_TYPE} ${publicBlob(key).toString("base64")}`;
}

export function privateKeyOf(pem: string): KeyObject {
  return createPrivateKey(pem);
}

function publicBlob(key: KeyObject): Buffer {
  // This encoding ends in the raw key.
  const raw = key.export({ type: "spki", format: "der" }).subarray(-RAW_KEY_BYTES);
  return Buffer.concat([sshString(KEY_TYPE), sshString(raw)]);
}

function certificateType(keyType: string): string {
  const plain = keyType.endsWith(VENDOR_SUFFIX) ? keyType.slice(0, -VENDOR_SUFFIX.length) : keyType;
  return plain + CERTIFICATE_SUFFIX;
}
