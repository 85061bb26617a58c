/** Checksums of files, streamed. They guard against torn and rotten data, not against malice: CRC-32 is enough and costs least. */
import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";

const CHUNK_BYTES = 1024 * 1024;

/** CRC-32 of a file, as eight hexadecimal digits. */
export async function checksumFile(path: string): Promise<string> {
  await using file = await open(path, "r");
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let sum = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return asChecksum(sum);
    sum = crc32(buffer.subarray(0, bytesRead), sum);
  }
}

/** CRC-32, as of a file. */
export function checksumOf(bytes: Uint8Array): string {
  return asChecksum(crc32(bytes));
}

/** Of a sum that was taken piece by piece. */
export function asChecksum(sum: number): string {
  return sum.toString(16).padStart(8, "0");
}
