/** Ed25519 host keys in OpenSSH's file formats, made here because ssh-keygen inside an emulated guest would cost more than its restore. */
import { generateKeyPairSync, randomBytes } from "node:crypto";

interface SshHostKey {
  /** Content of `ssh_host_ed25519_key`. */
  readonly privateFile: string;
  /** Content of `ssh_host_ed25519_key.pub`. */
  readonly publicFile: string;
}

const KEY_TYPE = "ssh-ed25519";
const RAW_KEY_BYTES = 32;
const LINE_LENGTH = 70;

export function generateSshHostKey(comment: string): SshHostKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  // Both encodings end in the raw key.
  const rawPublic = publicKey.export({ type: "spki", format: "der" }).subarray(-RAW_KEY_BYTES);
  const seed = privateKey.export({ type: "pkcs8", format: "der" }).subarray(-RAW_KEY_BYTES);
  const publicBlob = Buffer.concat([sshString(KEY_TYPE), sshString(rawPublic)]);
  return {
    privateFile: encodePrivate(publicBlob, rawPublic, seed, comment),
    publicFile: `${KEY_TYPE} ${publicBlob.toString("base64")} ${comment}\n`,
  };
}

/** An SSH string: u32 length, big-endian, and the bytes. */
function sshString(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** OpenSSH's PROTOCOL.key, without a passphrase. */
function encodePrivate(publicBlob: Buffer, rawPublic: Buffer, seed: Buffer, comment: string): string {
  const check = randomBytes(4);
  const secret = Buffer.concat([
    check,
    check,
    sshString(KEY_TYPE),
    sshString(rawPublic),
    sshString(Buffer.concat([seed, rawPublic])),
    sshString(comment),
  ]);
  const padded = Buffer.concat([secret, Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, -secret.length & 7)]);
  const count = Buffer.from([0, 0, 0, 1]);
  const blob = Buffer.concat([
    Buffer.from("openssh-key-v1\0", "latin1"),
    sshString("none"),
    sshString("none"),
    sshString(""),
    count,
    sshString(publicBlob),
    sshString(padded),
  ]);
  const lines = blob.toString("base64").match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
