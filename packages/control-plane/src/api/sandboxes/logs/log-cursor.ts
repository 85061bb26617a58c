/**
 * Where a reader of a log is, as clients keep it:
 *
 *   count u8 (2) | generation u64 LE, lines u64 LE of what commands printed | 0 u64 LE, number u64 LE of the last event of the organisation
 *
 * in base64 with padding. `AA==`, a count of none, is the beginning.
 */
import { invalid } from "../spec/invalid.ts";

export interface LogPlace {
  /** Of the log of commands that the number counts in. */
  readonly generation: bigint;
  readonly lines: number;
  readonly event: number;
}

const PAIRS = 2;
const BYTES = 1 + 16 * PAIRS;

const BEGINNING: LogPlace = { generation: 0n, lines: 0, event: 0 };

export function encodeCursor({ generation, lines, event }: LogPlace): string {
  const bytes = Buffer.alloc(BYTES);
  bytes.writeUInt8(PAIRS, 0);
  bytes.writeBigUInt64LE(generation, 1);
  bytes.writeBigUInt64LE(BigInt(lines), 9);
  bytes.writeBigUInt64LE(BigInt(event), 25);
  return bytes.toString("base64");
}

/** Throws `invalid_request` for what no answer had. */
export function decodeCursor(text: string | undefined): LogPlace {
  if (text === undefined || text === "") return BEGINNING;
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 1 && bytes[0] === 0) return BEGINNING;
  if (bytes.length !== BYTES || bytes[0] !== PAIRS) throw unknown();
  const [lines, event] = [Number(bytes.readBigUInt64LE(9)), Number(bytes.readBigUInt64LE(25))];
  if (!Number.isSafeInteger(lines) || !Number.isSafeInteger(event)) throw unknown();
  return { generation: bytes.readBigUInt64LE(1), lines, event };
}

function unknown() {
  return invalid("last-event-id", "is no cursor that a log came with");
}
