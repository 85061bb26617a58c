/** Answers that are valid, but that Node would not write as they came; and those that it would not write at all. */
import { once } from "node:events";
import { connect, createServer } from "node:http2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { send, sendBytes } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start();
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await expect.poll(() => proxy.edge.metrics()).toMatchObject({ openRequests: 0, openConnections: 0 });
  await proxy[Symbol.asyncDispose]();
});

/** A service that answers everything with these bytes. */
function says(answer: string): Promise<VmId> {
  return proxy.rawService((socket) => socket.once("data", () => socket.end(answer, "latin1")));
}

const get = (vmId: VmId, method = "GET", version = "1.1") =>
  sendBytes(proxy.port, `${method} / HTTP/${version}\r\nHost: ${proxy.host(vmId)}\r\n\r\n`);

/** RFC 9113, section 4.1. */
function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  return Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload]);
}

/** Over HTTP/2; the client takes any number of headers. */
async function getOverHttp2(vmId: VmId) {
  const session = connect(proxy.http2Url, { maxHeaderListPairs: 4000, settings: { maxHeaderListSize: 1e6 } });
  const stream = session.request({ ":authority": proxy.host(vmId) });
  const [headers] = await once(stream, "response");
  const body = Buffer.concat(await stream.toArray()).toString();
  session.destroy();
  return { headers, body };
}

test("a reason phrase that may not be written is replaced by the status's own", async () => {
  const vmId = await says("HTTP/1.1 200 O\x01K\r\nContent-Length: 5\r\n\r\nhello");
  expect(await get(vmId)).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*hello$/);
  const unknown = await says("HTTP/1.1 299 \x7f\r\nContent-Length: 5\r\n\r\nhello");
  expect(await get(unknown)).toMatch(/^HTTP\/1.1 299 \r\n[^]*hello$/);
  expect(proxy.edge.metrics().requests).toEqual({ "2xx": 2 });
});

test.each(["000", "099", "600", "999"])("a status of %s is no answer", async (status) => {
  const vmId = await says(`HTTP/1.1 ${status} OK\r\nContent-Length: 5\r\n\r\nhello`);
  expect(await get(vmId)).toMatch(
    /^HTTP\/1.1 502 Bad Gateway\r\n[^]*x-fastvm-proxy-error: service_bad_answer/,
  );
  expect((await getOverHttp2(vmId)).headers).toMatchObject({ ":status": 502 });
  const upgrade = `GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  expect(await sendBytes(proxy.port, upgrade)).toMatch(/^HTTP\/1.1 502 /);
  expect(proxy.edge.metrics()).toMatchObject({
    requests: { "5xx": 3 },
    proxyErrors: { service_bad_answer: 3 },
  });
  expect(Object.keys(proxy.edge.metrics().requests)).toEqual(["5xx"]);
});

describe("an answer that announces trailers, and can have none towards its client, is passed on without the announcement", () => {
  const CHUNKED = "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
  const LENGTH = "Trailer: X-Sum\r\nContent-Length: 5\r\n\r\n";

  test.each([
    ["to HEAD", "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", "1.1", ""],
    ["with a length", `HTTP/1.1 200 OK\r\n${LENGTH}hello`, "GET", "1.1", "hello"],
    ["with a length, to HEAD", `HTTP/1.1 200 OK\r\n${LENGTH}`, "HEAD", "1.1", ""],
    ["with the status 304", "HTTP/1.1 304 Not Modified\r\nTrailer: X-Sum\r\n\r\n", "GET", "1.1", ""],
    ["to HTTP/1.0", `HTTP/1.1 200 OK\r\n${CHUNKED}`, "GET", "1.0", "hello"],
  ])("%s", async (_name, answer, method, version, body) => {
    const [head = "", rest = ""] = (await get(await says(answer), method, version)).split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 (200|304) /);
    expect(head).not.toMatch(/^trailer:/im);
    expect(rest).toBe(body);
  });

  test.each([
    ["HEAD", 200, 0x88],
    ["GET", 304, 0x8b],
  ])("over HTTP/2, to %s with %i", async (method, status, indexed) => {
    // Node's own server would end the stream with the headers; others do so with an empty frame of data.
    const fields = Buffer.from([indexed, 0, 7, ...Buffer.from("trailer"), 5, ...Buffer.from("x-sum")]);
    const frames = [frame(4, 0, 0), frame(1, 0x4, 1, fields), frame(0, 0x1, 1)];
    const vmId = await proxy.rawService((socket) => {
      socket.once("data", () => socket.write(Buffer.concat(frames))).once("end", () => socket.end());
    });
    const service = proxy.vms.vms.get(vmId)?.services.get("web");
    if (service !== undefined) service.h2c = true;
    const answer = await get(vmId, method);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).not.toMatch(/^trailer:/im);
  });

  test("but one in chunks keeps both", async () => {
    const answer = await get(await says(`HTTP/1.1 200 OK\r\n${CHUNKED}`));
    expect(answer).toMatch(/\r\nTrailer: X-Sum\r\n[^]*0\r\nX-Sum: 1\r\n\r\n$/i);
  });
});

describe("headers", () => {
  test("of 60 KiB are passed on, and of more are not", async () => {
    // A KiB each with their names and line ends; equal ones would become one over HTTP/2.
    const lines = (count: number) =>
      Array.from({ length: count }, (_, index) => `X-Line: ${String(index).padStart(1014, "a")}\r\n`).join(
        "",
      );
    const vmId = await says(`HTTP/1.1 200 OK\r\n${lines(60)}Content-Length: 5\r\n\r\nhello`);
    const answer = await get(vmId);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*hello$/);
    expect(answer.match(/X-Line/g)).toHaveLength(60);
    const { headers, body } = await getOverHttp2(vmId);
    expect([headers[":status"], String(headers["x-line"]).length, body]).toEqual([
      200,
      60 * 1016 - 2,
      "hello",
    ]);
    const larger = await says(`HTTP/1.1 200 OK\r\n${lines(70)}Content-Length: 5\r\n\r\nhello`);
    const { status, headers: said } = await send(proxy.url, { vhost: proxy.host(larger) });
    expect([status, said["x-fastvm-proxy-error"]]).toEqual([502, "service_bad_answer"]);
  });

  test("of a service that speaks HTTP/2 may be hundreds", async () => {
    const server = createServer();
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`x-${index}`, "1"]));
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, ...many });
      stream.end("hello");
    });
    const vmId = proxy.vms.add({ port: await proxy.listen(server), h2c: true });
    const answer = await send(proxy.url, { vhost: proxy.host(vmId) });
    expect(answer).toMatchObject({ status: 200, body: "hello", headers: many });
    expect((await getOverHttp2(vmId)).headers).toMatchObject(many);
  });
});
