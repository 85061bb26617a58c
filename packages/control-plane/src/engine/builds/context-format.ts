/** What kind of archive a context is. Nothing else of it is looked at on the host. */
import { open } from "node:fs/promises";
import { FastvmError } from "@fastvm/contract";

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZIP = Buffer.from("PK");

export async function contextFormat(path: string): Promise<"tar.gz" | "zip"> {
  const file = await open(path, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(GZIP.length), 0, GZIP.length, 0);
    if (buffer.equals(GZIP)) return "tar.gz";
    if (buffer.equals(ZIP)) return "zip";
  } finally {
    await file.close();
  }
  throw new FastvmError("invalid_request", "the context is neither a tar.gz nor a ZIP");
}
