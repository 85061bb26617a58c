/**
 * SHA-256 of files. Large ones are read by a thread of their own: a processor without instructions for it takes five seconds for a
 * gigabyte.
 */
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";

/** A tenth of a millisecond to a millisecond and a half between two turns of the event loop. */
const CHUNK_BYTES = 256 * 1024;
/** Starting a thread costs as much as this takes. */
const INLINE_UP_TO_BYTES = 8 * 1024 * 1024;

/** As 64 hexadecimal digits. */
export async function digestFile(path: string): Promise<string> {
  const { size } = await stat(path);
  return size > INLINE_UP_TO_BYTES ? await digestInThread(path) : await digestHere(path);
}

export function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Also what the thread does. */
export async function digestHere(path: string): Promise<string> {
  await using file = await open(path, "r");
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const hash = createHash("sha256");
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
  }
}

function digestInThread(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL("./digest-thread.ts", import.meta.url), { workerData: path });
    thread.once("message", resolve);
    thread.once("error", reject);
    thread.once("exit", () => reject(new Error(`${path} was not read to its end`)));
  });
}
