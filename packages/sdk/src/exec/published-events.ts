/** The events of a stream in the published package's words. */
import type { ExecEvent } from "./exec.ts";

/** `o` is stdout, `e` stderr, `x` the exit. */
export type PublishedExecEvent =
  | { readonly type: "o"; readonly data: Uint8Array }
  | { readonly type: "e"; readonly data: Uint8Array }
  | {
      readonly type: "x";
      readonly exitCode: number;
      readonly timedOut: boolean;
      readonly durationMs: number;
      readonly diagnostic?: string;
    };

export async function* publishedEvents(
  events: AsyncIterable<ExecEvent>,
): AsyncGenerator<PublishedExecEvent, void, undefined> {
  for await (const event of events) {
    if (event.type === "exit") yield { ...event, type: "x" };
    else yield { type: event.type === "stdout" ? "o" : "e", data: event.data };
  }
}
