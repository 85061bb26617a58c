/**
 * A running command's output as it comes. Reading is what moves it on: a consumer that waits makes the command
 * wait, and one that leaves the loop closes the connection, which kills the command.
 */
import { APIConnectionError, CommandLostError, FastvmError } from "../errors.ts";
import { bodyOf } from "../http/body-of.ts";
import { connectionError } from "../http/http-client.ts";
import type { OpenResponse } from "../http/http-client.ts";
import type { BackgroundExecEvent, ExecPlaceEvent } from "./background-exec.ts";
import { fromBase64 } from "./base64.ts";
import type { ExecEvent } from "./exec.ts";
import { readNdjson } from "./ndjson.ts";

/** Starts the command at the first read; `open` makes the call. */
export function execStream(open: () => Promise<OpenResponse>): AsyncGenerator<ExecEvent, void, undefined> {
  return eventStream(open, parseEvent);
}

/** Of a command in the background: reading it or not is nothing to the command. */
export function outputStream(
  open: () => Promise<OpenResponse>,
): AsyncGenerator<BackgroundExecEvent, void, undefined> {
  return eventStream(open, (value) => parsePlace(value) ?? parseEvent(value));
}

async function* eventStream<Event extends BackgroundExecEvent>(
  open: () => Promise<OpenResponse>,
  parse: (value: unknown) => Event | undefined,
): AsyncGenerator<Event, void, undefined> {
  const answer = await open();
  let isComplete = false;
  try {
    for await (const value of readNdjson(bodyOf(answer.response))) {
      const event: Event | undefined = isComplete ? undefined : parse(value);
      if (event === undefined) continue;
      isComplete = event.type === "exit";
      yield event;
      // Reading goes on to the body's end, which is near, so that the connection can be used again.
    }
    if (!isComplete) throw new APIConnectionError("The stream ended before the command did");
  } catch (cause) {
    if (cause instanceof FastvmError) throw cause;
    throw answer.deadline.reason() ?? connectionError(cause);
  } finally {
    if (!isComplete) answer.deadline.abort();
    answer.deadline.release();
  }
}

/** `{t:"a",at,lost?}`. */
function parsePlace(value: unknown): ExecPlaceEvent | undefined {
  const line: Record<string, unknown> = typeof value === "object" && value !== null ? { ...value } : {};
  if (line["t"] !== "a") return undefined;
  return { type: "place", offset: asNumber(line["at"]), lostBytes: asNumber(line["lost"]) };
}

/** `{t:"o"|"e",d}` or `{t:"x",c?,to?,ms?,d?,code?}`; a kind of a later server is skipped. Throws for a lost command. */
function parseEvent(value: unknown): ExecEvent | undefined {
  const line: Record<string, unknown> = typeof value === "object" && value !== null ? { ...value } : {};
  const text = typeof line["d"] === "string" ? line["d"] : "";
  switch (line["t"]) {
    case "o":
      return { type: "stdout", data: fromBase64(text) };
    case "e":
      return { type: "stderr", data: fromBase64(text) };
    case "x":
      if (typeof line["code"] === "string") throw new CommandLostError(line["code"], text);
      return {
        type: "exit",
        exitCode: asNumber(line["c"]),
        timedOut: line["to"] === true,
        durationMs: asNumber(line["ms"]),
        ...(text === "" ? {} : { diagnostic: text }),
      };
    default:
      return undefined;
  }
}

/** The server leaves zeros out. */
function asNumber(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
