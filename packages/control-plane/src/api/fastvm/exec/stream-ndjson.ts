/** Answers with NDJSON: one value a line, blank lines while nothing happens. */
import type { FastvmError } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { streamText } from "../../shared/stream-text.ts";

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
  await streamText(reply, {
    contentType: "application/x-ndjson",
    source: encoded(lines),
    failure: (error) => lineOf(lines.failure(error)),
    heartbeat: "\n",
    heartbeatMs: lines.heartbeatMs,
    gone: lines.gone,
  });
}

async function* encoded<T>({ source, encode, isLast }: Lines<T>): AsyncGenerator<string, void, undefined> {
  for await (const value of source) {
    yield lineOf(encode(value));
    if (isLast?.(value) === true) return;
  }
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
