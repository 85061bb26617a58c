/** A file as this API shows it, and its content on the way out. */
import { posix } from "node:path";
import { pipeline } from "node:stream/promises";
import type { FileInfo, MachineFile } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { instantOf } from "../views/instant.ts";

export function fileView({ path, type, sizeBytes, mode, modifiedAtMs, linkTarget }: FileInfo): MachineFile {
  return {
    name: posix.basename(path),
    path,
    type,
    size: sizeBytes,
    mode: mode.toString(8).padStart(4, "0"),
    modified_at: instantOf(Math.trunc(modifiedAtMs)),
    link_target: linkTarget ?? null,
  };
}

/** The answer has begun when it breaks off: that says that it is not whole. */
export async function sendContent(
  reply: FastifyReply,
  content: AsyncIterable<Uint8Array>,
  onCut: (error: unknown) => void,
): Promise<void> {
  reply.hijack();
  reply.raw.writeHead(200, { "content-type": "application/octet-stream", "cache-control": "no-store" });
  try {
    await pipeline(content, reply.raw);
  } catch (error) {
    onCut(error);
  }
}
