/** Streams a command as NDJSON: one event a line, as fast as the client reads and no faster, blank lines while nothing happens. */
import { asFastvmError } from "../../../engine/engine.ts";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { ExecEvent, ExecStreamEvent, FastvmError } from "@fastvm/contract";
import type { FastifyReply } from "fastify";
import { FAILED_EXIT_CODE } from "./failed-exit-code.ts";

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
  }, heartbeatMs);
  try {
    for await (const event of events) {
      written = true;
      if (!raw.write(`${JSON.stringify(event)}\n`)) await drained(raw, gone);
      if (event.t === "x") break;
    }
  } catch (error) {
    if (gone.aborted) throw error;
    raw.write(`${JSON.stringify(failure(asFastvmError(error)))}\n`);
  } finally {
    clearInterval(heartbeat);
    raw.end();
  }
}

function failure(error: FastvmError): ExecStreamEvent {
  return { t: "x", c: FAILED_EXIT_CODE, ms: 0, d: `fastvm: ${error.message}`, code: error.code };
}

/** Rejects when the client goes away, since then nothing drains any more. */
async function drained(raw: ServerResponse, gone: AbortSignal): Promise<void> {
  if (raw.destroyed) throw new Error("the client went away");
  await once(raw, "drain", { signal: gone });
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
