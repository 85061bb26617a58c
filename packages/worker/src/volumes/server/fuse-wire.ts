/**
 * Messages of FUSE as a kernel sends them (include/uapi/linux/fuse.h, version 7.36), and answers as it reads them. Those that the
 * host's own calls need.
 */

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  RELEASE: 18,
  FSYNC: 20,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  CREATE: 35,
  RENAME2: 45,
} as const;

export const ROOT_NODE = 1n;
const IN_HEADER_BYTES = 40;
const OUT_HEADER_BYTES = 16;
/** Of an entry, before its attributes. */
const ENTRY_BYTES = 40;
/** Of an answer that has attributes alone. */
const ATTR_OUT_BYTES = 16;
const ATTR_BYTES = 88;
const VERSION = [7, 36] as const;
const READAHEAD_BYTES = 128 * 1024;
const SETATTR_BYTES = 88;
const [FATTR_MODE, FATTR_UID, FATTR_GID] = [1, 2, 4];
const NS_PER_MS = 1_000_000;

export interface Attributes {
  readonly inode: bigint;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** With the type, as st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Entry {
  readonly node: bigint;
  readonly attributes: Attributes;
}

/** On behalf of root. */
export function encodeRequest(opcode: number, unique: bigint, node: bigint, body: Buffer): Buffer {
  const header = Buffer.alloc(IN_HEADER_BYTES);
  header.writeUInt32LE(IN_HEADER_BYTES + body.length, 0);
  header.writeUInt32LE(opcode, 4);
  header.writeBigUInt64LE(unique, 8);
  header.writeBigUInt64LE(node, 16);
  return Buffer.concat([header, body]);
}

export interface Reply {
  readonly unique: bigint;
  /** Of the system, positive; 0: it was done. */
  readonly errno: number;
  readonly body: Buffer;
}

export function decodeReply(message: Buffer): Reply {
  return {
    errno: -message.readInt32LE(4),
    unique: message.readBigUInt64LE(8),
    body: message.subarray(OUT_HEADER_BYTES),
  };
}

export function initBody(): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(VERSION[0], 0);
  body.writeUInt32LE(VERSION[1], 4);
  body.writeUInt32LE(READAHEAD_BYTES, 8);
  return body;
}

export const name = (text: string): Buffer => Buffer.from(`${text}\0`);

/** 32-bit numbers, each in its place. */
export function words(...values: readonly number[]): Buffer {
  const body = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) body.writeUInt32LE(value, at * 4);
  return body;
}

export function long(value: bigint): Buffer {
  const body = Buffer.alloc(8);
  body.writeBigUInt64LE(value);
  return body;
}

export function mkdirBody(mode: number, text: string): Buffer {
  return Buffer.concat([words(mode, 0), name(text)]);
}

export function createBody(flags: number, mode: number, text: string): Buffer {
  return Buffer.concat([words(flags, mode, 0, 0), name(text)]);
}

export function renameBody(newParent: bigint, from: string, to: string): Buffer {
  return Buffer.concat([long(newParent), words(0, 0), name(from), name(to)]);
}

/** Of READ and READDIR. */
export function readBody(handle: bigint, offset: bigint, size: number): Buffer {
  return Buffer.concat([long(handle), long(offset), words(size, 0, 0, 0, 0, 0)]);
}

export function writeBody(handle: bigint, offset: bigint, data: Uint8Array): Buffer {
  return Buffer.concat([long(handle), long(offset), words(data.length, 0, 0, 0, 0, 0), data]);
}

export function releaseBody(handle: bigint): Buffer {
  return Buffer.concat([long(handle), words(0, 0, 0, 0)]);
}

export function setattrBody({
  mode,
  owner,
}: {
  mode?: number;
  owner?: Pick<Attributes, "uid" | "gid">;
}): Buffer {
  const body = Buffer.alloc(SETATTR_BYTES);
  const valid = (mode === undefined ? 0 : FATTR_MODE) | (owner === undefined ? 0 : FATTR_UID | FATTR_GID);
  body.writeUInt32LE(valid, 0);
  body.writeUInt32LE(mode ?? 0, 68);
  body.writeUInt32LE(owner?.uid ?? 0, 76);
  body.writeUInt32LE(owner?.gid ?? 0, 80);
  return body;
}

export function decodeEntry(body: Buffer): Entry {
  return { node: body.readBigUInt64LE(0), attributes: decodeAttributes(body.subarray(ENTRY_BYTES)) };
}

export function decodeAttributesReply(body: Buffer): Attributes {
  return decodeAttributes(body.subarray(ATTR_OUT_BYTES));
}

function decodeAttributes(body: Buffer): Attributes {
  return {
    inode: body.readBigUInt64LE(0),
    sizeBytes: Number(body.readBigUInt64LE(8)),
    modifiedAtMs: Number(body.readBigInt64LE(32)) * 1000 + Math.floor(body.readUInt32LE(52) / NS_PER_MS),
    mode: body.readUInt32LE(60),
    uid: body.readUInt32LE(68),
    gid: body.readUInt32LE(72),
  };
}

export function decodeHandle(body: Buffer): bigint {
  return body.readBigUInt64LE(0);
}

/** Of CREATE: the entry, and behind it the handle. */
export function decodeCreated(body: Buffer): { readonly entry: Entry; readonly handle: bigint } {
  return { entry: decodeEntry(body), handle: decodeHandle(body.subarray(ENTRY_BYTES + ATTR_BYTES)) };
}

interface Dirent {
  readonly name: string;
  /** Where the next one begins. */
  readonly offset: bigint;
}

export function decodeDirents(body: Buffer): Dirent[] {
  const found: Dirent[] = [];
  for (let at = 0; at + 24 <= body.length;) {
    const length = body.readUInt32LE(at + 16);
    found.push({
      offset: body.readBigUInt64LE(at + 8),
      name: body.toString("utf8", at + 24, at + 24 + length),
    });
    at += Math.ceil((24 + length) / 8) * 8;
  }
  return found;
}
