/** GET /v1/sandboxes/{sandboxId}/logs: server-sent events, each with the cursor from which a client goes on. */
import { FastvmError } from "@fastvm/contract";
import { clientGone } from "../../shared/client-gone.ts";
import { ANSWERED } from "../../shared/operation-route.ts";
import { streamText } from "../../shared/stream-text.ts";
import type { LogLine } from "../logs/log-line.ts";
import { followedLog, type PlacedLine } from "../logs/followed-log.ts";
import { decodeCursor, encodeCursor } from "../logs/log-cursor.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { invalid } from "../spec/invalid.ts";
import { specOf } from "../views/sandbox-view.ts";

const SOURCES = ["stdout", "stderr", "output", "system"] as const;
/** As the client has it that says nothing. */
const DEFAULT_SOURCES = "stdout,stderr,output";

/** Levels of sandboxes whose log tells of nothing else that happened to them. */
const FAILURES_ONLY: ReadonlySet<string> = new Set(["error", "warn"]);

const END = "event: end\ndata: {}\n\n";

export function registerSandboxLogs({ routes, engine, config, logs, log }: SandboxesScope): void {
  routes.serve("followSandboxLogs", async ({ params, query, request, reply }, caller) => {
    const found = await engine.sandboxes.get(caller, params.sandboxId);
    const { sandbox } = found;
    const failuresOnly = FAILURES_ONLY.has(specOf(found).runtime?.log_level ?? "info");
    const wanted = sourcesOf(String(query["sources"] ?? DEFAULT_SOURCES));
    const from = decodeCursor(oneOf(request.headers["last-event-id"]));
    const gone = clientGone(reply);
    // Clients cut the connection when their time is over, which looks like a failure: this end they take for one, and go on.
    const signal = AbortSignal.any([gone, AbortSignal.timeout(config.sandboxLogMs)]);
    const source = followedLog({ engine, caller, sandbox, log: await logs.of(sandbox.id) }, from, signal);
    try {
      await streamText(reply, {
        contentType: "text/event-stream",
        source: framed(source, ({ line }) => wanted.has(line.source) && !(failuresOnly && isNews(line))),
        failure: ({ code, message }) => `event: error\ndata: ${JSON.stringify({ code, message })}\n\n${END}`,
        // A comment.
        heartbeat: ":\n\n",
        heartbeatMs: config.streamHeartbeatMs,
        gone,
      });
    } catch (error) {
      if (!gone.aborted) log.warn({ err: error, vmId: sandbox.id }, "a stream of a sandbox's log was cut");
    }
    return ANSWERED;
  });
}

function sourcesOf(words: string): ReadonlySet<string> {
  const wanted = new Set(words.split(","));
  const known: readonly string[] = SOURCES;
  for (const word of wanted) {
    if (!known.includes(word)) throw invalid("sources", `must be of ${SOURCES.join(", ")}`);
  }
  return wanted;
}

function oneOf(header: string | string[] | undefined): string | undefined {
  if (Array.isArray(header)) throw new FastvmError("invalid_request", "last-event-id is there twice");
  return header;
}

/** What happened to the sandbox, and was no failure. */
function isNews({ source, isFailure = false }: LogLine): boolean {
  return source === "system" && !isFailure;
}

async function* framed(
  source: AsyncIterable<PlacedLine>,
  isWanted: (placed: PlacedLine) => boolean,
): AsyncGenerator<string, void, undefined> {
  for await (const placed of source) {
    if (!isWanted(placed)) continue;
    const { line, place } = placed;
    const data = { source: line.source, ts: new Date(line.at).toISOString(), text: line.text };
    yield `id: ${encodeCursor(place)}\nevent: log\ndata: ${JSON.stringify(data)}\n\n`;
  }
  yield END;
}
