/**
 * Fields: the bodies of requests. A list of (tag, length, value), where a value may itself be a list:
 *
 * ```
 *  +-----------+-----------+----------------+
 *  | tag u16   | zero u16  | length u32     | value
 *  +-----------+-----------+----------------+
 * ```
 */

export const Tag = {
  ARG: 1,
  ENV: 2,
  CWD: 3,
  USER: 4,
  PTY: 5,
  STDIN: 6,
  WORKDIR: 7,
  LIMIT: 8,
  RESTRICTED: 9,
  TELL_PROCESS: 10,
  PATH: 16,
  MODE: 17,
  MTIME: 18,
  FLAGS: 19,
  VERB: 20,
  TO: 21,
  DEPTH: 22,
  VOLUME: 23,
  JOB: 24,
  JOB_VERB: 25,
  OFFSET: 26,
  TIMEOUT_MS: 27,
  SIGNAL: 28,
  CLOSES: 29,
  RING_BYTES: 30,
  FOLLOW: 31,
  ENTROPY: 32,
  CLOCK: 33,
  HOSTNAME: 34,
  FILE: 35,
  GROW_ROOT: 36,
  COMMAND: 37,
  FORWARD: 38,
  BOOT_ID: 39,
  ONLY_FORWARD: 40,
  LINK: 41,
  DISK: 46,
  FSTYPE: 47,
  CONTENT: 48,
  ENTRY: 64,
  TYPE: 65,
  SIZE: 66,
  MTIME_NS: 67,
  UID: 68,
  GID: 69,
  TARGET: 70,
  EVENT: 71,
  FREE_RUNS: 72,
  JOB_INFO: 80,
  PID: 81,
  STARTED: 82,
  OUTPUT: 83,
  ENDED: 84,
  RESTORES: 85,
  CUT: 86,
} as const;

export type Tag = (typeof Tag)[keyof typeof Tag];

/** A value is bytes, or a list of fields for FILE and COMMAND. */
export interface Field {
  readonly tag: Tag;
  readonly value: Uint8Array | readonly Field[];
}

/** A field as it was read: the reader knows which values are lists. */
export interface RawField {
  readonly tag: number;
  readonly value: Buffer;
}

export const FIELD_HEADER_BYTES = 8;

/** One buffer that holds the list as the wire has it. */
export function encodeFields(fields: readonly Field[]): Buffer {
  const body = Buffer.allocUnsafe(sizeOf(fields));
  writeList(body, 0, fields);
  return body;
}

/** Views into `body`. Throws a RangeError when a length leads out of it. */
export function decodeFields(body: Uint8Array): RawField[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const fields: RawField[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < FIELD_HEADER_BYTES) throw new RangeError("A field's header is cut short");
    const start = offset + FIELD_HEADER_BYTES;
    const length = bytes.readUInt32LE(offset + 4);
    if (length > bytes.length - start) throw new RangeError("A field's value is cut short");
    fields.push({ tag: bytes.readUInt16LE(offset), value: bytes.subarray(start, start + length) });
    offset = start + length;
  }
  return fields;
}

export function textField(tag: Tag, value: string): Field {
  return { tag, value: Buffer.from(value, "utf8") };
}

export function u8Field(tag: Tag, value: number): Field {
  return { tag, value: Uint8Array.of(value) };
}

export function u16Field(tag: Tag, value: number): Field {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16LE(value);
  return { tag, value: bytes };
}

export function u32Field(tag: Tag, value: number): Field {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value);
  return { tag, value: bytes };
}

export function u64Field(tag: Tag, value: bigint): Field {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(value);
  return { tag, value: bytes };
}

/** Two u16, as PTY (rows, columns) has them. */
export function u16PairField(tag: Tag, first: number, second: number): Field {
  return { tag, value: u16Pair(first, second) };
}

export function u16Pair(first: number, second: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt16LE(first, 0);
  bytes.writeUInt16LE(second, 2);
  return bytes;
}

function sizeOf(fields: readonly Field[]): number {
  let bytes = 0;
  for (const { value } of fields) bytes += FIELD_HEADER_BYTES + valueSize(value);
  return bytes;
}

function valueSize(value: Field["value"]): number {
  return value instanceof Uint8Array ? value.byteLength : sizeOf(value);
}

/** Returns the offset behind the list. */
function writeList(body: Buffer, at: number, fields: readonly Field[]): number {
  let offset = at;
  for (const { tag, value } of fields) {
    body.writeUInt16LE(tag, offset);
    body.writeUInt16LE(0, offset + 2);
    body.writeUInt32LE(valueSize(value), offset + 4);
    offset += FIELD_HEADER_BYTES;
    if (value instanceof Uint8Array) {
      body.set(value, offset);
      offset += value.byteLength;
    } else {
      offset = writeList(body, offset, value);
    }
  }
  return offset;
}
