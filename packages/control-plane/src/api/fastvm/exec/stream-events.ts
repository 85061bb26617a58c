/** Streams a command as NDJSON: one event a line, as fast as the client reads and no faster, blank lines while nothing happens. */
import type { ExecEvent, ExecStreamEvent, FastvmError } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { FAILED_EXIT_CODE } from "./failed-exit-code.ts";
import { streamNdjson } from "./stream-ndjson.ts";

/** As `streamLines`, of a session. */
export async function streamEvents(
  reply: FastifyReply,
  session: AsyncIterable<ExecEvent>,
  gone: AbortSignal,
  heartbeatMs: number,
): Promise<void> {
  await streamLines(reply, encoded(session), gone, heartbeatMs);
}

async function* encoded(session: AsyncIterable<ExecEvent>): AsyncGenerator<ExecStreamEvent, void, undefined> {
  for await (const event of session) yield encodeEvent(event);
}

/** Ends with exactly one `x`; when the VM dies, with one that says so. Rejects when the client goes away. */
export async function streamLines(
  reply: FastifyReply,
  events: AsyncIterable<{ readonly t: string }>,
  gone: AbortSignal,
  heartbeatMs: number,
): Promise<void> {
  await streamNdjson(reply, {
    source: events,
    encode: (event) => event,
    isLast: ({ t }) => t === "x",
    failure,
    gone,
    heartbeatMs,
  });
}

function failure(error: FastvmError): ExecStreamEvent {
  return { t: "x", c: FAILED_EXIT_CODE, ms: 0, d: `fastvm: ${error.message}`, code: error.code };
}

export function encodeEvent(event: ExecEvent): ExecStreamEvent {
  if (event.kind !== "exit") {
    const { buffer, byteOffset, byteLength } = event.data;
    const d = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
    return { t: event.kind === "stdout" ? "o" : "e", d };
  }
  return {
    t: "x",
    ...(event.exitCode === 0 ? {} : { c: event.exitCode }),
    ...(event.timedOut ? { to: true } : {}),
    ms: Math.round(event.durationMs),
    ...(event.diagnostic === undefined ? {} : { d: event.diagnostic }),
  };
}
