import { describe, expect, it } from "vitest";
import { FastvmClient, NotFoundError } from "../index.ts";
import { json, WireServer, type WireHandler } from "../testing/wire-server.ts";

const VM = "0198c7a2-5d0e-7f3b-9a41-2c6e8f10b7d4";
const EXEC = {
  id: "5b1f0f3e-7a64-4c0e-9b1d-2f6c8a7e9d10",
  vmId: VM,
  pid: 7,
  command: ["cat"],
  commandTruncated: false,
  stdinOpen: false,
  status: "running",
  timedOut: false,
  startedAt: "2026-01-02T03:15:00.000Z",
  firstOffset: 0,
  endOffset: 0,
  restoredOffset: 0,
  restores: 0,
};
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Each request for output gets the next of these; what else is asked is the command. */
function outputs(...answers: readonly WireHandler[]): WireHandler {
  let next = 0;
  return (request, response) =>
    (request.url ?? "").includes("/output")
      ? answers[next++]?.(request, response)
      : json(200, EXEC)(request, response);
}

function lines(...events: readonly object[]): WireHandler {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.end(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  };
}

async function handleOf(server: WireServer) {
  const client = new FastvmClient({ apiKey: "k", baseUrl: server.url, maxRetries: 0 });
  return await client.vms.commands.connect(VM, EXEC.id);
}

describe("a command's handle", () => {
  it("reads on where it was when its reader is cut off, in whatever way", async () => {
    await using server = await WireServer.start(
      outputs(
        lines({ t: "a", at: 0 }, { t: "o", d: base64("one ") }),
        lines(
          { t: "a", at: 4 },
          { t: "e", d: base64("err") },
          { t: "x", c: 255, code: "vm_died", d: "lost" },
        ),
        lines({ t: "a", at: 9, lost: 2 }, { t: "o", d: base64("two") }, { t: "x", c: 3, ms: 5 }),
      ),
    );
    const handle = await handleOf(server);
    const lost: number[] = [];
    expect(await handle.wait({ onLost: (bytes) => lost.push(bytes) })).toEqual({
      exitCode: 3,
      stdout: "one two",
      stderr: "err",
      timedOut: false,
      durationMs: 5,
      lostBytes: 2,
    });
    expect(lost).toEqual([2]);
    const asked = server.requests.map(({ url }) => url).filter((url) => url?.includes("/output"));
    expect(asked.map((url) => url?.split("?")[1])).toEqual([undefined, "offset=4", "offset=7"]);
  });

  it("stops where the server says that there is no such command", async () => {
    await using server = await WireServer.start(
      outputs(
        lines({ t: "a", at: 0 }, { t: "x", c: 255, code: "conflict", d: "removed" }),
        json(404, { error: "There is no such resource", code: "not_found" }),
      ),
    );
    const handle = await handleOf(server);
    await expect(handle.wait()).rejects.toBeInstanceOf(NotFoundError);
  });

  it("is left by a signal", async () => {
    await using server = await WireServer.start(
      outputs((_request, response) => void response.write(`${JSON.stringify({ t: "a", at: 0 })}\n`)),
    );
    const handle = await handleOf(server);
    const abort = new AbortController();
    const waiting = handle.wait({}, { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: "APIUserAbortError" });
  });
});
