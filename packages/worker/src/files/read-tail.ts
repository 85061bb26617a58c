/** The end of a file that may have any size: what others write into a log must not fill our memory. */
import { open } from "node:fs/promises";
import { isErrno } from "./errno.ts";

/** At most `bytes`; nothing where there is no such file. */
export async function readTail(path: string, bytes: number): Promise<Buffer> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, Math.max(0, size - bytes));
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return Buffer.alloc(0);
    throw error;
  }
}
