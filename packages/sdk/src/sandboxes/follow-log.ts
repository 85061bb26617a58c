/** What commands in a sandbox print, as server-sent events; a stream that ends by its time goes on where it was. */
import { APIConnectionError, FastvmError } from "../errors.ts";
import { bodyOf } from "../http/body-of.ts";
import { sleep } from "../http/deadline.ts";
import type { HttpClient } from "../http/http-client.ts";
import type { LogSource } from "./types.ts";

export interface SandboxLogLine {
  readonly source: LogSource;
  /** RFC 3339. */
  readonly ts: string;
  /** As it was printed; not a line of its own. */
  readonly text: string;
  /** Give it as `after` to go on behind this one. */
  readonly cursor: string;
}

export interface FollowLogOptions {
  /** Default: what commands print, on whichever stream. */
  readonly sources?: readonly LogSource[] | undefined;
  /** A line's cursor. Default: from the beginning. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface ServerEvent {
  readonly name: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** How soon the next stream follows one that ended. */
const AGAIN_MS = 200;

/** It does not end by itself: leave the loop, or abort the signal. Throws when the sandbox is gone. */
export async function* followLog(
  http: HttpClient,
  pathOf: () => Promise<string>,
  { sources, after, signal }: FollowLogOptions,
): AsyncGenerator<SandboxLogLine, void, undefined> {
  const isOver = (): boolean => signal?.aborted === true;
  let cursor = after;
  try {
    const path = await pathOf();
    for (; !isOver(); await sleep(AGAIN_MS, signal)) {
      for await (const event of stream(http, { path, cursor, sources, signal })) {
        if (event.name === "error") throw new FastvmError(`The log broke off: ${event.data}`);
        if (event.name !== "log") continue;
        cursor = event.id ?? cursor;
        const line = JSON.parse(event.data) as Omit<SandboxLogLine, "cursor">;
        yield { ...line, cursor: cursor ?? "" };
      }
    }
  } catch (cause) {
    // Wherever it was then: an abort is how it ends.
    if (isOver()) return;
    if (cause instanceof FastvmError) throw cause;
    throw new APIConnectionError("The log broke off", { cause });
  }
}

interface LogStream extends Pick<FollowLogOptions, "sources" | "signal"> {
  readonly path: string;
  readonly cursor: string | undefined;
}

async function* stream(
  http: HttpClient,
  { path, cursor, sources, signal }: LogStream,
): AsyncGenerator<ServerEvent, void, undefined> {
  const headers = cursor === undefined ? {} : { "last-event-id": cursor };
  const query = { sources: sources?.join(",") };
  const accept = "text/event-stream";
  const answer = await http.open({ method: "GET", path, query, accept, options: { signal, headers } });
  try {
    yield* eventsOf(bodyOf(answer.response));
  } finally {
    answer.deadline.release();
  }
}

async function* eventsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => cut(line)));
      const name = fields.get("event");
      // A comment, which keeps the connection.
      if (name !== undefined) yield { name, data: fields.get("data") ?? "", id: fields.get("id") };
    }
  }
}

function cut(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}
