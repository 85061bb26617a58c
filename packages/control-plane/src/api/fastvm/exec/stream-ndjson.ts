/** Answers with NDJSON: one value a line, as fast as the client reads and no faster, blank lines while nothing happens. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastvmError } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { asFastvmError } from "../../../engine/engine.ts";

interface Lines<T> {
  readonly source: AsyncIterable<T>;
  readonly encode: (value: T) => object;
  /** Nothing is read or told after it. Default: no value is the last. */
  readonly isLast?: (value: T) => boolean;
  /** The last line of a source that fails. */
  readonly failure: (error: FastvmError) => object;
  /** When the client went away. */
  readonly gone: AbortSignal;
  readonly heartbeatMs: number;
}

/** Rejects when the client goes away. */
export async function streamNdjson<T>(reply: FastifyReply, lines: Lines<T>): Promise<void> {
  const { source, encode, isLast, failure, gone } = lines;
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    "content-type": "application/x-ndjson",
    "cache-control": "no-store",
    // nginx and its like would hold lines back.
    "x-accel-buffering": "no",
  });
  raw.flushHeaders();
  let written = true;
  const heartbeat = setInterval(() => {
    if (!written && raw.writableLength === 0) raw.write("\n");
    written = false;
  }, lines.heartbeatMs);
  try {
    for await (const value of source) {
      written = true;
      if (!raw.write(`${JSON.stringify(encode(value))}\n`)) await drained(raw, gone);
      if (isLast?.(value) === true) break;
    }
  } catch (error) {
    if (gone.aborted) throw error;
    raw.write(`${JSON.stringify(failure(asFastvmError(error)))}\n`);
  } finally {
    clearInterval(heartbeat);
    raw.end();
  }
}

/** Rejects when the client goes away, since then nothing drains any more. */
async function drained(raw: ServerResponse, gone: AbortSignal): Promise<void> {
  if (raw.destroyed) throw new Error("the client went away");
  await once(raw, "drain", { signal: gone });
}
