/** Output of a command in the background: as NDJSON, or as much as there is now. */
import {
  MAX_KEEP_OUTPUT_BYTES,
  type AttachEvent,
  type ExecOutput,
  type ExecOutputEvent,
} from "@fastvm/contract";
import { BoundedOutput } from "../../shared/bounded-output.ts";
import { encodeEvent } from "./stream-events.ts";

/** What the client is told, who asked for output from `offset` on: where it is, and how much of it was lost. */
export async function* outputEvents(
  events: AsyncIterable<AttachEvent>,
  offset: number,
): AsyncGenerator<ExecOutputEvent, void, undefined> {
  let expected = offset;
  for await (const event of events) {
    if (event.kind === "at") {
      const lost = Math.max(0, event.offset - expected);
      expected = event.offset;
      yield { t: "a", at: event.offset, ...(lost === 0 ? {} : { lost }) };
    } else {
      if (event.kind !== "exit") expected += event.data.length;
      yield encodeEvent(event);
    }
  }
}

/** Of a view that does not follow. */
export async function collectOutput(events: AsyncIterable<AttachEvent>, offset: number): Promise<ExecOutput> {
  const stdout = new BoundedOutput(Infinity);
  const stderr = new BoundedOutput(Infinity);
  let [nextOffset, lostBytes, exitCode] = [offset, 0, undefined as number | undefined];
  for await (const event of events) {
    if (event.kind === "at") {
      lostBytes += Math.max(0, event.offset - nextOffset);
      nextOffset = event.offset;
    } else if (event.kind === "exit") {
      exitCode = event.exitCode;
    } else {
      (event.kind === "stdout" ? stdout : stderr).push(event.data);
      nextOffset += event.data.length;
    }
    // A command that writes faster than it is read would never be read to its end: the next question goes on from here.
    if (nextOffset - offset - lostBytes >= MAX_KEEP_OUTPUT_BYTES) break;
  }
  return {
    stdout: stdout.text(),
    stderr: stderr.text(),
    lostBytes,
    nextOffset,
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}
