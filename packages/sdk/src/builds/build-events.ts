/** What a build prints, as it comes. Reading it or not is nothing to the build. */
import { APIConnectionError, FastvmError } from "../errors.ts";
import { bodyOf } from "../http/body-of.ts";
import { brokenAnswer } from "../http/http-client.ts";
import type { OpenResponse } from "../http/http-client.ts";
import { readNdjson } from "../exec/ndjson.ts";
import type { BuildEvent } from "./build.ts";

/** Makes the call at the first read. */
export async function* buildEvents(
  open: () => Promise<OpenResponse>,
): AsyncGenerator<BuildEvent, void, undefined> {
  const answer = await open();
  let isComplete = false;
  try {
    for await (const value of readNdjson(bodyOf(answer.response))) {
      const event: BuildEvent | undefined = isComplete ? undefined : parse(value);
      if (event === undefined) continue;
      isComplete = event.type === "end";
      yield event;
    }
    if (!isComplete) throw new APIConnectionError("The stream ended before the build did");
  } catch (cause) {
    throw brokenAnswer(cause, answer.deadline);
  } finally {
    if (!isComplete) answer.deadline.abort();
    answer.deadline.release();
  }
}

/** `{t:"l"|"p",d}` or `{t:"x",status,snapshotId?,d?,code?}`; a kind of a later server is skipped. */
function parse(value: unknown): BuildEvent | undefined {
  const line: Record<string, unknown> = typeof value === "object" && value !== null ? { ...value } : {};
  const text = typeof line["d"] === "string" ? line["d"] : "";
  switch (line["t"]) {
    case "l":
      return { type: "log", line: text };
    case "p":
      return { type: "progress", progress: text };
    case "x":
      if (typeof line["code"] === "string") throw new FastvmError(`The reader was cut off: ${text}`);
      return {
        type: "end",
        status: String(line["status"]),
        ...(typeof line["snapshotId"] === "string" ? { snapshotId: line["snapshotId"] } : {}),
        ...(text === "" ? {} : { error: text }),
      };
    default:
      return undefined;
  }
}
