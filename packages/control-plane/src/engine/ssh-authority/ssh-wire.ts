/** How OpenSSH writes keys and certificates: lengths before bytes, the high byte first. */

/** An SSH string: u32 length and the bytes. */
export function sshString(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export function sshU32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function sshU64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** The first string of a blob, and what is behind it. */
export function firstString(blob: Buffer): { readonly value: Buffer; readonly rest: Buffer } {
  const end = 4 + blob.readUInt32BE(0);
  return { value: blob.subarray(4, end), rest: blob.subarray(end) };
}
