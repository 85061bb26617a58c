/** Answers with text as it comes: as fast as the client reads and no faster, a heartbeat while nothing happens. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastvmError } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { asFastvmError } from "../../engine/engine.ts";

interface TextStream {
  readonly contentType: string;
  readonly source: AsyncIterable<string>;
  /** What comes last of a source that fails. */
  readonly failure: (error: FastvmError) => string;
  readonly heartbeat: string;
  readonly heartbeatMs: number;
  /** When the client went away. */
  readonly gone: AbortSignal;
}

/** Rejects when the client goes away. */
export async function streamText(reply: FastifyReply, stream: TextStream): Promise<void> {
  const { source, failure, gone, heartbeat } = stream;
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    "content-type": stream.contentType,
    "cache-control": "no-store",
    // nginx and its like would hold lines back.
    "x-accel-buffering": "no",
  });
  raw.flushHeaders();
  let written = true;
  const timer = setInterval(() => {
    if (!written && raw.writableLength === 0) raw.write(heartbeat);
    written = false;
  }, stream.heartbeatMs);
  try {
    for await (const text of source) {
      written = true;
      if (!raw.write(text)) await drained(raw, gone);
    }
  } catch (error) {
    if (gone.aborted) throw error;
    raw.write(failure(asFastvmError(error)));
  } finally {
    clearInterval(timer);
    raw.end();
  }
}

/** Rejects when the client goes away, since then nothing drains any more. */
async function drained(raw: ServerResponse, gone: AbortSignal): Promise<void> {
  if (raw.destroyed) throw new Error("the client went away");
  await once(raw, "drain", { signal: gone });
}
