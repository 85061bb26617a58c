import { once } from "node:events";
import { describe, expect, test } from "vitest";
import {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIUserAbortError,
  FastvmClient,
  WatchEndedError,
} from "../index.ts";
import { json, VM, WireServer, type WireHandler } from "../testing/wire-server.ts";

const INFO = { path: "/root/x", name: "x", type: "file", sizeBytes: 1, mode: "0644", uid: 0, gid: 0 };

function filesOf(server: WireServer) {
  return new FastvmClient({ apiKey: "k", baseUrl: server.url }).vms.files;
}

/** What is written comes as it is, and the connection then stays open, ends, or breaks. */
function lines(text: string, then: "stays" | "ends" | "breaks"): WireHandler {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.write(text, () => {
      if (then === "ends") response.end();
      if (then === "breaks") response.destroy();
    });
  };
}

describe("write", () => {
  test.each([
    ["text", "ü"],
    ["bytes", Buffer.from("ü")],
    ["a buffer", new TextEncoder().encode("ü").buffer],
    ["a blob", new Blob(["ü"])],
    ["a stream", new Blob(["ü"]).stream()],
    ["a generator", pieces("ü")],
  ])("sends %s as bytes", async (_what, content) => {
    await using server = await WireServer.start(json(200, INFO));
    await filesOf(server).write(VM.id, "a b+c&d", content, { mode: "0600" });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "PUT", body: "ü" });
    expect(request?.headers["content-type"]).toBe("application/octet-stream");
    const query = new URL(request?.url ?? "", server.url).searchParams;
    expect([...query]).toEqual([
      ["path", "a b+c&d"],
      ["mode", "0600"],
    ]);
  });

  test("is tried again with bytes, and never with a stream, which is used up", async () => {
    const busy = json(503, { message: "busy" }, { "retry-after-ms": "1" });
    await using server = await WireServer.start(busy, json(200, INFO), busy);
    expect(await filesOf(server).write(VM.id, "x", "x")).toEqual(INFO);
    await expect(filesOf(server).write(VM.id, "x", pieces("x"))).rejects.toMatchObject({ status: 503 });
    expect(server.requests).toHaveLength(3);
  });
});

describe("read", () => {
  test("of a file that breaks off is an error, in every form", async () => {
    await using server = await WireServer.start(lines("half", "breaks"));
    for (const format of ["text", "bytes"] as const) {
      await expect(filesOf(server).read(VM.id, "x", { format: format as "text" })).rejects.toThrow(
        APIConnectionError,
      );
    }
    const stream = await filesOf(server).read(VM.id, "x", { format: "stream" });
    await expect(new Response(stream).text()).rejects.toThrow(APIConnectionError);
  });

  test("has its limit until the file begins, and its signal to the end", async () => {
    await using server = await WireServer.start(() => undefined, lines("x", "stays"));
    await expect(filesOf(server).read(VM.id, "x", { timeoutMs: 1_000, maxRetries: 0 })).rejects.toThrow(
      APIConnectionTimeoutError,
    );
    const controller = new AbortController();
    const { signal } = controller;
    const stream = await filesOf(server).read(VM.id, "x", { format: "stream", timeoutMs: 5_000, signal });
    const reader = stream.getReader();
    await reader.read();
    controller.abort();
    await expect(reader.read()).rejects.toThrow(APIUserAbortError);
  });
});

test("list puts pages together", async () => {
  const page = (names: readonly string[], hasMore: boolean) =>
    json(200, { entries: names.map((name) => ({ ...INFO, name, path: `/d/${name}` })), hasMore });
  await using server = await WireServer.start(page(["a", "b"], true), page(["c"], false));
  const found = await filesOf(server).list(VM.id, "/d", { pageSize: 2 });
  expect(found.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  expect(server.requests.map(({ url }) => url.split("?")[1])).toEqual([
    "path=%2Fd&limit=2",
    "path=%2Fd&limit=2&after=%2Fd%2Fb",
  ]);
});

describe("watch", () => {
  const event = `\n{"type":"create","path":"/d/x"}\n\n`;

  test("gives events, and throws why there are no more", async () => {
    const gone = `${event}{"type":"error","path":"","code":"file_not_found","message":"gone"}\n`;
    await using server = await WireServer.start(
      lines(gone, "ends"),
      lines(event, "ends"),
      lines(event, "breaks"),
    );
    const ends = [WatchEndedError, APIConnectionError, APIConnectionError];
    for (const end of ends) {
      const seen: unknown[] = [];
      const watching = (async () => {
        for await (const each of await filesOf(server).watch(VM.id, "/d")) seen.push(each);
      })();
      await expect(watching).rejects.toThrow(end);
      expect(seen).toEqual([{ type: "create", path: "/d/x" }]);
    }
  });

  test.each(["left", "closed"])("that is %s lets its connection go", async (how) => {
    let closed: Promise<unknown> = Promise.resolve();
    await using server = await WireServer.start((request, response) => {
      closed = once(response, "close");
      return lines(event, "stays")(request, response);
    });
    const watch = await filesOf(server).watch(VM.id, "/d", { recursive: true });
    expect(server.requests[0]?.url).toContain("recursive=true");
    if (how === "closed") watch.close();
    else for await (const each of watch) if (each.type === "create") break;
    await closed;
  });
});

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
}
