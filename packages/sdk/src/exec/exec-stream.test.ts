import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { APIConnectionError, APIUserAbortError, ConflictError, FastvmClient, FastvmError } from "../index.ts";
import type { ExecEvent } from "../index.ts";
import { json, VM, WireServer } from "../testing/wire-server.ts";
import type { WireHandler } from "../testing/wire-server.ts";
import { readNdjson } from "./ndjson.ts";

function clientOf(server: WireServer): FastvmClient {
  return new FastvmClient({ apiKey: "k", baseUrl: server.url });
}

function line(event: Record<string, unknown>): string {
  return `${JSON.stringify(event)}\n`;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Writes the pieces one by one, each flushed on its own. */
function pieces(...parts: readonly (string | Buffer)[]): WireHandler {
  return async (_request, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    for (const part of parts) {
      response.write(part);
      await delay(1);
    }
    response.end();
  };
}

async function collect(events: AsyncIterable<ExecEvent>): Promise<ExecEvent[]> {
  return Array.fromAsync(events);
}

describe("stream", () => {
  it("yields stdout and stderr apart and then one exit", async () => {
    await using server = await WireServer.start(
      pieces(
        line({ t: "o", d: base64("out") }),
        "\n\n",
        line({ t: "e", d: base64("err") }) + line({ t: "later-kind", d: 1 }),
        JSON.stringify({ t: "x", c: 3, to: true, ms: 12, d: "why" }),
      ),
    );
    const events = await collect(
      clientOf(server).vms.stream(VM, ["cat", "-"], { stdin: "hi", timeoutSec: 5 }),
    );
    expect(events).toEqual([
      { type: "stdout", data: new Uint8Array(Buffer.from("out")) },
      { type: "stderr", data: new Uint8Array(Buffer.from("err")) },
      { type: "exit", exitCode: 3, timedOut: true, durationMs: 12, diagnostic: "why" },
    ]);
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", url: `/v1/vms/${VM.id}/exec` });
    expect(request?.headers.accept).toBe("application/x-ndjson");
    expect(JSON.parse(request?.body ?? "")).toEqual({ command: ["cat", "-"], stdin: "aGk=", timeoutSec: 5 });
  });

  it("fills in the zeros that the server leaves out, and wraps a string for the shell", async () => {
    await using server = await WireServer.start(pieces(line({ t: "x", ms: 0 })));
    expect(await collect(clientOf(server).vms.stream(VM, "echo hi"))).toEqual([
      { type: "exit", exitCode: 0, timedOut: false, durationMs: 0 },
    ]);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({ command: ["sh", "-c", "echo hi"] });
  });

  it("keeps every byte of binary output", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await using server = await WireServer.start(
      pieces(line({ t: "o", d: bytes.toString("base64") }), line({ t: "x" })),
    );
    const [event] = await collect(clientOf(server).vms.stream(VM, "x"));
    expect(event?.type === "stdout" && Buffer.compare(event.data, bytes)).toBe(0);
  });

  it("yields output while the command still runs", async () => {
    const mayEnd = Promise.withResolvers<void>();
    await using server = await WireServer.start(async (_request, response) => {
      response.write(line({ t: "o", d: base64("first") }));
      await mayEnd.promise;
      response.end(line({ t: "x" }));
    });
    const events = clientOf(server).vms.stream(VM, "x");
    expect((await events.next()).value).toMatchObject({ type: "stdout" });
    mayEnd.resolve();
    expect((await events.next()).value).toMatchObject({ type: "exit" });
    expect((await events.next()).done).toBe(true);
  });

  it("closes the connection when the consumer leaves", async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await WireServer.start((_request, response) => {
      response.on("close", () => closed.resolve());
      response.write(line({ t: "o", d: base64("x") }));
    });
    for await (const event of clientOf(server).vms.stream(VM, "yes")) {
      expect(event.type).toBe("stdout");
      break;
    }
    await closed.promise;
  });

  it("makes the server wait while the consumer does not read", async () => {
    let sentBytes = 0;
    const stalled = Promise.withResolvers<void>();
    const chunk = line({ t: "o", d: base64("x".repeat(60_000)) });
    await using server = await WireServer.start(async (_request, response) => {
      response.setMaxListeners(0);
      response.writeHead(200);
      for (let count = 0; count < 1000 && !response.destroyed; count += 1) {
        sentBytes += chunk.length;
        if (response.write(chunk)) continue;
        const timer = setTimeout(() => stalled.resolve(), 300);
        await Promise.race([once(response, "drain"), once(response, "close")]);
        clearTimeout(timer);
      }
      response.end(line({ t: "x" }));
    });
    const events = clientOf(server).vms.stream(VM, "yes");
    await events.next();
    await stalled.promise;
    // All 80 MB would have been sent had the client read ahead without a bound.
    expect(sentBytes).toBeLessThan(20_000_000);
    await events.return();
  });

  it("throws when the connection breaks or ends before the exit", async () => {
    await using ended = await WireServer.start(pieces(line({ t: "o", d: "eA==" })));
    await expect(collect(clientOf(ended).vms.stream(VM, "x"))).rejects.toBeInstanceOf(APIConnectionError);
    await using broken = await WireServer.start((_request, response) => {
      response.write(line({ t: "o", d: "eA==" }), () => response.destroy());
    });
    await expect(collect(clientOf(broken).vms.stream(VM, "x"))).rejects.toBeInstanceOf(APIConnectionError);
  });

  it("throws when the command was lost, streamed or not", async () => {
    await using server = await WireServer.start(
      pieces(line({ t: "o", d: "eA==" }), line({ t: "x", c: 255, d: "The VM ended", code: "vm_died" })),
      json(200, { exitCode: 255, error: "The VM ended", code: "vm_died" }),
    );
    const { vms } = clientOf(server);
    const lost = { name: "CommandLostError", code: "vm_died", message: "The VM ended" };
    await expect(collect(vms.stream(VM, "x"))).rejects.toMatchObject(lost);
    await expect(vms.run(VM, "x")).rejects.toMatchObject(lost);
  });

  it("throws what the server says in place of a stream", async () => {
    await using server = await WireServer.start(json(409, { error: "The VM is paused" }));
    const failure = collect(clientOf(server).vms.stream(VM, "x"));
    await expect(failure).rejects.toBeInstanceOf(ConflictError);
    await expect(failure).rejects.toThrow("409 The VM is paused");
  });

  it("ends when the caller's signal fires in the middle", async () => {
    await using server = await WireServer.start((_request, response) => {
      response.write(line({ t: "o", d: "eA==" }));
    });
    const abort = new AbortController();
    const events = clientOf(server).vms.stream(VM, "x", { signal: abort.signal });
    await events.next();
    abort.abort();
    await expect(events.next()).rejects.toBeInstanceOf(APIUserAbortError);
  });

  it("counts its time limit only until the stream begins", async () => {
    await using server = await WireServer.start(async (_request, response) => {
      response.writeHead(200).flushHeaders();
      await delay(1_200);
      response.end(line({ t: "x" }));
    });
    expect(await collect(clientOf(server).vms.stream(VM, "x", { timeoutMs: 1_000 }))).toHaveLength(1);
  });
});

describe("readNdjson", () => {
  it("reads the same values however the bytes are cut", async () => {
    const values = [{ t: "o", d: "ä€😀" }, { t: "e" }, { t: "x", c: 1 }];
    const bytes = Buffer.from(
      values
        .map((value) => `${JSON.stringify(value)}\n\n`)
        .join("")
        .trimEnd(),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }),
        async (cuts) => {
          const sorted = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
          const chunks = sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
          expect(await Array.fromAsync(readNdjson(asyncOf(chunks)))).toEqual(values);
        },
      ),
    );
  });

  it("refuses what is not JSON and a line without an end", async () => {
    await expect(Array.fromAsync(readNdjson(asyncOf([Buffer.from("nope\n")])))).rejects.toThrow(FastvmError);
    const endless = asyncOf(Array.from({ length: 40 }, () => Buffer.alloc(1024 * 1024, "a")));
    await expect(Array.fromAsync(readNdjson(endless))).rejects.toThrow("over");
  });
});

async function* asyncOf<Value>(values: readonly Value[]): AsyncGenerator<Value, void, undefined> {
  yield* values;
}
