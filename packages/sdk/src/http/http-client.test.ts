import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  FastvmClient,
  FastvmError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "../index.ts";
import { json, NEVER, VM, WireServer } from "../testing/wire-server.ts";

const QUICK = { "retry-after-ms": "1" };

function clientOf(
  server: WireServer,
  options: { timeoutMs?: number; maxRetries?: number } = {},
): FastvmClient {
  return new FastvmClient({ apiKey: "My API Key", baseUrl: server.url, ...options });
}

/** One on which nobody listens. */
async function freePort(): Promise<number | undefined> {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" ? address?.port : undefined;
}

describe("what a call sends", () => {
  it("carries the key, asks for JSON and keeps the base URL's path", async () => {
    await using server = await WireServer.start(json(200, []));
    const client = new FastvmClient({ apiKey: "My API Key", baseUrl: `${server.url}/prefix/` });
    await client.vms.list({ status: "running", metadata: { env: "a b&c" } });
    const [request] = server.requests;
    expect(request?.url).toBe("/prefix/v1/vms?status=running&metadata.env=a+b%26c");
    expect(request?.headers).toMatchObject({ "x-api-key": "My API Key", accept: "application/json" });
    // By this name the server knows that the newer firewall dialect is understood.
    expect(request?.headers["user-agent"]).toMatch(/^fastvm-sdk-js\/\d/);
    expect(request?.headers["content-type"]).toBeUndefined();
  });

  it("sends a POST without a body without a content type", async () => {
    await using server = await WireServer.start(json(200, VM));
    await clientOf(server).vms.pause(VM.id);
    expect(server.requests[0]?.headers).toMatchObject({ "content-length": "0" });
    expect(server.requests[0]?.headers["content-type"]).toBeUndefined();
  });

  it("encodes what an id must not smuggle into the path, and keeps what a segment may carry", async () => {
    await using server = await WireServer.start(json(200, VM));
    const client = clientOf(server);
    await client.vms.get("SHA256:ab+c/d=?#%é");
    expect(server.requests[0]?.url).toBe("/v1/vms/SHA256:ab+c%2Fd=%3F%23%25%C3%A9");
    for (const id of ["", ".", ".."]) expect(() => client.vms.get(id)).toThrow(FastvmError);
    expect(server.requests).toHaveLength(1);
  });

  it("adds the environment's headers and lets the options win over them", async () => {
    await using server = await WireServer.start(json(200, {}));
    vi.stubEnv("FASTVM_CUSTOM_HEADERS", "X-Team: red\nX-Trace: 7\nnonsense");
    vi.stubEnv("FASTVM_API_KEY", "from-env");
    vi.stubEnv("FASTVM_BASE_URL", server.url);
    try {
      const client = new FastvmClient({ defaultHeaders: { "x-team": "blue" } });
      expect(await client.health()).toEqual({});
    } finally {
      vi.unstubAllEnvs();
    }
    expect(server.requests[0]?.headers).toMatchObject({
      "x-team": "blue",
      "x-trace": "7",
      "x-api-key": "from-env",
    });
  });
});

describe("the constructor", () => {
  it("wants a key and a usable base URL", () => {
    vi.stubEnv("FASTVM_API_KEY", "");
    vi.stubEnv("FASTVM_BASE_URL", "");
    try {
      expect(() => new FastvmClient()).toThrow("FASTVM_API_KEY");
      expect(() => new FastvmClient({ apiKey: "k", baseUrl: "ftp://x" })).toThrow("base URL");
      expect(() => new FastvmClient({ apiKey: "k", baseUrl: "localhost:80" })).toThrow("base URL");
      // An empty variable is an unset one: the default URL is used, and nothing is thrown.
      expect(new FastvmClient({ apiKey: "k" })).toBeInstanceOf(FastvmClient);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("failures", () => {
  const classes = [
    [400, BadRequestError],
    [401, AuthenticationError],
    [403, PermissionDeniedError],
    [404, NotFoundError],
    [409, ConflictError],
    [418, APIError],
    [422, UnprocessableEntityError],
    [429, RateLimitError],
    [500, InternalServerError],
    [507, InternalServerError],
  ] as const;

  it.each(classes)("throws the class of status %i", async (status, errorClass) => {
    await using server = await WireServer.start(json(status, { error: "no" }, { "x-should-retry": "false" }));
    const error = await clientOf(server)
      .vms.list()
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({ status, message: `${status} no`, name: errorClass.name });
    expect(server.requests).toHaveLength(1);
  });

  it("passes on code, field, hint and headers", async () => {
    const body = { error: "Bad name", code: "invalid_request", field: "name", hint: "Make it shorter" };
    await using server = await WireServer.start(json(400, body, { "x-request-id": "r1" }));
    const error = await clientOf(server)
      .vms.get(VM.id)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      detail: "Bad name",
      code: "invalid_request",
      field: "name",
      hint: "Make it shorter",
    });
    expect(error instanceof APIError && error.headers.get("x-request-id")).toBe("r1");
  });

  it("takes text that is not JSON as the message", async () => {
    await using server = await WireServer.start((_request, response) => {
      response.writeHead(404).end("<h1>gone</h1>");
    });
    await expect(clientOf(server).vms.get(VM.id)).rejects.toThrow("404 <h1>gone</h1>");
  });

  it("says when an answer of 200 is not JSON", async () => {
    await using server = await WireServer.start((_request, response) => void response.end("hello"));
    await expect(clientOf(server).vms.list()).rejects.toThrow("not JSON: hello");
  });

  it("names the reason when nobody listens", async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}`;
    const client = new FastvmClient({ apiKey: "k", baseUrl, maxRetries: 0 });
    const error = await client.health().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(APIConnectionError);
    expect(String(error)).toContain("ECONNREFUSED");
  });
});

describe("retries", () => {
  it("asks three times in all, then gives up", async () => {
    await using server = await WireServer.start(json(503, { error: "busy" }, QUICK));
    await expect(clientOf(server).vms.list()).rejects.toBeInstanceOf(InternalServerError);
    expect(server.requests).toHaveLength(3);
  });

  it("returns the first good answer", async () => {
    await using server = await WireServer.start(json(429, {}, QUICK), json(409, {}, QUICK), json(200, [VM]));
    expect(await clientOf(server).vms.list()).toHaveLength(1);
  });

  it("obeys x-should-retry over the status, both ways", async () => {
    await using no = await WireServer.start(json(500, { error: "x" }, { "x-should-retry": "false" }));
    await expect(clientOf(no).vms.list()).rejects.toThrow();
    expect(no.requests).toHaveLength(1);
    await using yes = await WireServer.start(
      json(400, {}, { ...QUICK, "x-should-retry": "true" }),
      json(200, []),
    );
    expect(await clientOf(yes).vms.list()).toEqual([]);
  });

  it("takes the server's word in the body, wherever an API has it", async () => {
    for (const body of [{ retryable: true }, { error: { details: { retryable: true } } }]) {
      await using again = await WireServer.start(json(400, body, QUICK), json(200, []));
      expect(await clientOf(again).vms.list()).toEqual([]);
    }
    await using no = await WireServer.start(json(503, { error: { details: { retryable: false } } }, QUICK));
    await expect(clientOf(no).vms.list()).rejects.toBeInstanceOf(InternalServerError);
    expect(no.requests).toHaveLength(1);
  });

  it.each([
    ["a connection that broke", (_request: unknown, { socket }: ServerResponse) => void socket?.destroy()],
    ["a gateway without an answer", json(502, { error: "x" }, QUICK)],
  ] as const)("knows that a delete was carried out behind %s", async (_what, lost) => {
    await using server = await WireServer.start(lost, json(404, { error: "VM not found" }));
    expect(await clientOf(server).vms.delete(VM.id)).toEqual({ id: VM.id, deleted: true });
    expect(server.requests).toHaveLength(2);
  });

  it("does not take what was never there, or a server that is busy, for a delete", async () => {
    await using never = await WireServer.start(json(404, { error: "VM not found" }));
    await expect(clientOf(never).vms.delete(VM.id)).rejects.toBeInstanceOf(NotFoundError);
    await using busy = await WireServer.start(json(503, {}, QUICK), json(404, { error: "VM not found" }));
    await expect(clientOf(busy).vms.delete(VM.id)).rejects.toBeInstanceOf(NotFoundError);
  });

  it.each([
    "http://127.0.0.1",
    "http://localhost",
    "http://nowhere.invalid",
    "a server that does not connect",
  ])("does not take what was never sent for a delete: %s", async (place) => {
    await using server = await WireServer.start(json(404, { error: "VM not found" }));
    const failed = vi.fn<() => void>();
    const fetch: typeof globalThis.fetch = async (url, init) => {
      if (failed.mock.calls.length > 0) return await globalThis.fetch(url, init);
      failed();
      if (place.startsWith("http")) return await globalThis.fetch(`${place}:${await freePort()}`, init);
      throw new TypeError("fetch failed", {
        cause: Object.assign(new Error("slow"), { code: "UND_ERR_CONNECT_TIMEOUT" }),
      });
    };
    const client = new FastvmClient({ apiKey: "k", baseUrl: server.url, fetch });
    await expect(client.vms.delete(VM.id)).rejects.toBeInstanceOf(NotFoundError);
    expect(server.requests).toHaveLength(1);
  });

  it("never repeats a launch, a command, a fork or a snapshot by itself", async () => {
    await using server = await WireServer.start(json(503, { error: "busy" }, QUICK));
    const { vms, snapshots } = clientOf(server);
    for (const call of [
      () => vms.launch({ machineType: "c1m2" }),
      () => vms.run(VM.id, "true"),
      () => vms.fork(VM.id, { count: 1 }),
      () => snapshots.create({ vmId: VM.id }),
      () => vms.stream(VM.id, "true").next(),
    ]) {
      server.requests.length = 0;
      await expect(call()).rejects.toBeInstanceOf(InternalServerError);
      expect(server.requests).toHaveLength(1);
    }
    server.requests.length = 0;
    await expect(vms.run(VM.id, "true", { maxRetries: 1 })).rejects.toThrow();
    expect(server.requests).toHaveLength(2);
  });

  it("stops waiting for the next attempt when the caller aborts", async () => {
    await using server = await WireServer.start(json(503, {}, { "retry-after": "30" }));
    const started = performance.now();
    await expect(clientOf(server).vms.list({}, { signal: AbortSignal.timeout(50) })).rejects.toBeInstanceOf(
      APIUserAbortError,
    );
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe("time limits", () => {
  it("gives up on a server that does not answer", async () => {
    await using server = await WireServer.start(NEVER);
    // Enough for each attempt to arrive.
    const client = clientOf(server, { timeoutMs: 1_000, maxRetries: 1 });
    await expect(client.vms.list()).rejects.toBeInstanceOf(APIConnectionTimeoutError);
    expect(server.requests).toHaveLength(2);
  });

  it("gives up on a body that does not end", async () => {
    await using server = await WireServer.start(
      (_request, response) => void response.writeHead(200).write("["),
    );
    await expect(clientOf(server).vms.list({}, { timeoutMs: 60, maxRetries: 0 })).rejects.toBeInstanceOf(
      APIConnectionTimeoutError,
    );
  });

  it("reads an answer that trickles white space while the command runs", async () => {
    const result = { exitCode: 0, stdout: "", stderr: "", timedOut: false, durationMs: 1 };
    await using server = await WireServer.start(async (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      for (let beat = 0; beat < 3; beat += 1) {
        response.write(" ");
        await delay(10);
      }
      response.end(JSON.stringify(result));
    });
    expect(await clientOf(server).vms.run(VM.id, "sleep 1")).toEqual(result);
  });

  it("closes the connection when the caller aborts", async () => {
    const closed = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    await using server = await WireServer.start((_request, response) => {
      response.on("close", () => closed.resolve());
      arrived.resolve();
    });
    const abort = new AbortController();
    const call = clientOf(server).vms.run(VM.id, "sleep 60", { signal: abort.signal });
    await arrived.promise;
    abort.abort();
    await expect(call).rejects.toBeInstanceOf(APIUserAbortError);
    await closed.promise;
  });
});
