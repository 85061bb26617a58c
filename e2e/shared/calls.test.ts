/** The table of calls that both SDKs play, by the one for TypeScript: over the recorded wire, and against a daemon. */
import { describe, expect, test } from "vitest";
import { APIError, FastvmClient } from "fastvm";
import { WireServer } from "../../packages/sdk/src/testing/wire-server.ts";
import type { WireHandler } from "../../packages/sdk/src/testing/wire-server.ts";
import { filled, missing, play, TABLE } from "../calls/play.ts";
import type { Call, Names } from "../calls/play.ts";
import { TestDaemon } from "../harness/daemon.ts";

const ALL = TABLE.calls.map((call, at) => ({ title: `${at} ${call.name}`, call }));

async function outcomeOf(client: FastvmClient, call: Call, names: Names): Promise<unknown> {
  try {
    return { result: await play(client, call, names) };
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    return { error: { class: error.name, status: error.status, code: error.code } };
  }
}

/** By what the outcome is not as the table has it. */
function differences(outcome: unknown, call: Call, names: Names): readonly string[] {
  const expected = call.error === undefined ? { result: call.result } : { error: call.error };
  return missing(outcome, filled(expected, names), call.name);
}

describe("over the recorded wire", () => {
  test.each(ALL)("$title", async ({ call }) => {
    await using server = await WireServer.start(recorded(call.answer));
    const client = new FastvmClient({ apiKey: "k", baseUrl: server.url, maxRetries: 0 });
    expect(differences(await outcomeOf(client, call, TABLE.wire), call, TABLE.wire)).toEqual([]);
    const [request] = server.requests;
    const encoded = { ...TABLE.wire, fingerprint: (TABLE.wire["fingerprint"] ?? "").replaceAll("/", "%2F") };
    expect(request).toMatchObject({
      method: call.request.method,
      url: filled(call.request.path, encoded),
    });
    if (call.request.accept !== undefined) expect(request?.headers.accept).toBe(call.request.accept);
    const { text } = call.request;
    if (text !== undefined) expect(request?.body).toBe(text);
    const sent: unknown = request?.body && text === undefined ? JSON.parse(request.body) : undefined;
    expect(sent).toEqual(filled(call.request.body, TABLE.wire));
  });
});

test("against a daemon, from top to bottom", async () => {
  await using daemon = await TestDaemon.start();
  let names: Names = {};
  for (const { title, call } of ALL) {
    const outcome = await outcomeOf(daemon.client, call, names);
    expect(differences(outcome, call, names), `${title}: ${JSON.stringify(outcome)}`).toEqual([]);
    const { result } = outcome as { result?: Readonly<Record<string, string>> };
    const kept = Object.entries(call.keep ?? {}).map(([name, field]) => [name, result?.[field] ?? ""]);
    names = { ...names, ...(Object.fromEntries(kept) as Names) };
  }
});

function recorded({ status, body, text, lines, headers }: Call["answer"]): WireHandler {
  return (_request, response) => {
    const type = lines === undefined ? "application/json" : "application/x-ndjson";
    response.writeHead(status, { ...(status === 204 ? {} : { "content-type": type }), ...headers });
    if (lines !== undefined) response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    else if (text !== undefined) response.end(text);
    else response.end(status === 204 ? undefined : JSON.stringify(filled(body, TABLE.wire)));
  };
}
