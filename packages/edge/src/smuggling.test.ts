/** Requests that two parties could read in two ways: refused, and nothing of them reaches the service. */
import { connect } from "node:http2";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { sendBytes } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

let proxy: TestEdge;
let vmId: VmId;
/** Requests that the service saw, bodies included. */
const seen: string[] = [];

beforeAll(async () => {
  proxy = await TestEdge.start();
  vmId = await proxy.service((request, response) => {
    let body = "";
    request
      .on("error", () => undefined)
      .on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
    request.on("end", () => {
      seen.push(`${request.method} ${request.url} ${body}`);
      response.end("ok");
    });
  });
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
});

const SMUGGLED = "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n";
const CHUNK_OF_IT = `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`;
/** Whoever believes the length reads these few bytes as the body and the rest as a request. */
const SHORT_THEN_REQUEST = `0\r\n\r\n${SMUGGLED}`;

const AMBIGUOUS: [string, string, string][] = [
  [
    "both lengths",
    "POST / HTTP/1.1",
    `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${SHORT_THEN_REQUEST}`,
  ],
  [
    "both, the other way round",
    "POST / HTTP/1.1",
    `Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n${SHORT_THEN_REQUEST}`,
  ],
  ["two lengths", "POST / HTTP/1.1", "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["two equal lengths", "POST / HTTP/1.1", "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"],
  ["a list of lengths", "POST / HTTP/1.1", "Content-Length: 2, 2\r\n\r\nab"],
  ["a length with a sign", "POST / HTTP/1.1", "Content-Length: +2\r\n\r\nab"],
  ["a coding besides chunked", "POST / HTTP/1.1", `Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNK_OF_IT}`],
  ["a coding after chunked", "POST / HTTP/1.1", `Transfer-Encoding: chunked, identity\r\n\r\n${CHUNK_OF_IT}`],
  [
    "chunked twice",
    "POST / HTTP/1.1",
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNK_OF_IT}`,
  ],
  ["chunked in HTTP/1.0", "POST / HTTP/1.0", `Transfer-Encoding: chunked\r\n\r\n${CHUNK_OF_IT}`],
  ["a folded header", "GET / HTTP/1.1", "X-A: b\r\n c\r\n\r\n"],
  ["a folded coding", "POST / HTTP/1.1", `Transfer-Encoding:\r\n chunked\r\n\r\n${CHUNK_OF_IT}`],
  ["a space before the colon", "POST / HTTP/1.1", `Transfer-Encoding : chunked\r\n\r\n${CHUNK_OF_IT}`],
  ["a bare line feed", "GET / HTTP/1.1", "X-A: b\nX-B: c\r\n\r\n"],
  ["a bare carriage return", "GET / HTTP/1.1", "X-A: b\rX-B: c\r\n\r\n"],
  ["a NUL", "GET / HTTP/1.1", "X-A: b\0c\r\n\r\n"],
  ["a second Host", "GET / HTTP/1.1", "Host: other\r\n\r\n"],
  ["the same Host again", "GET / HTTP/1.1", "Host: $host\r\n\r\n"],
  ["a target on another host", "GET http://other.example/ HTTP/1.1", "\r\n"],
  ["a target that is no path", "OPTIONS * HTTP/1.1", "\r\n"],
  ["a target with a fragment", "GET /a#b HTTP/1.1", "\r\n"],
  ["a version that is not HTTP/1.1", "GET / HTTP/2.0", "\r\n"],
  ["an unknown version", "GET / HTTP/1.2", "\r\n"],
  [
    "a header taken away by Connection",
    "GET / HTTP/1.1",
    "Connection: close, X-Forwarded-For\r\nX-Forwarded-For: 1\r\n\r\n",
  ],
  [
    "a length taken away by Connection",
    "POST / HTTP/1.1",
    "Connection: content-length\r\nContent-Length: 2\r\n\r\nab",
  ],
  ["a cookie taken away by Connection", "GET / HTTP/1.1", "Connection: Cookie\r\nCookie: a=1\r\n\r\n"],
  ["too many headers", "GET / HTTP/1.1", `${"a: b\r\n".repeat(600)}\r\n`],
  [
    "a WebSocket with a length",
    "GET / HTTP/1.1",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nabcd",
  ],
  [
    "a WebSocket in chunks",
    "GET / HTTP/1.1",
    `Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNK_OF_IT}`,
  ],
  ["a WebSocket by POST", "POST / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
];

test.each(AMBIGUOUS)("%s is refused with 400", async (_name, line, rest) => {
  const host = proxy.host(vmId);
  const answer = await sendBytes(proxy.port, `${line}\r\nHost: ${host}\r\n${rest.replaceAll("$host", host)}`);
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(answer.match(/HTTP\/1.1 \d+/g)).toHaveLength(1);
  expect(seen).toEqual([]);
});

test("a coding like chunked never becomes a request", async () => {
  const head = `POST / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nTransfer-Encoding: xchunked\r\n\r\n`;
  // The parser may end the connection under the answer.
  expect(await sendBytes(proxy.port, head + CHUNK_OF_IT)).toMatch(/^(HTTP\/1.1 400 |$)/);
  expect(seen).toEqual([]);
});

test("giant headers are refused", async () => {
  const head = `GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nX: ${"a".repeat(64 * 1024)}\r\n\r\n`;
  expect(await sendBytes(proxy.port, head)).toMatch(/^HTTP\/1.1 431 /);
  expect(seen).toEqual([]);
});

test("HTTP/0.9 is refused", async () => {
  const path = `/proxy/${vmId.replaceAll("-", "")}/web/`;
  expect(await sendBytes(proxy.port, `GET ${path}\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  expect(seen).toEqual([]);
});

test.each([
  ["a size that is no number", "zz\r\nab\r\n0\r\n\r\n"],
  ["a size that overflows", "fffffffffffffffff\r\nab\r\n0\r\n\r\n"],
  ["a chunk longer than its size", "2\r\nabXX0\r\n\r\n"],
  ["line feeds alone", "2\nab\n0\n\n"],
  ["a line feed in an extension", "2;a\nxx\r\nab\r\n0\r\n\r\n"],
  ["a space after the size", "2 \r\nab\r\n0\r\n\r\n"],
])("a chunked body with %s never becomes a whole request", async (_name, body) => {
  const head = `POST / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  expect(await sendBytes(proxy.port, head + body)).not.toMatch(/HTTP\/1.1 200/);
  expect(seen).toEqual([]);
});

test("in HTTP/2, two hosts and bodies of another length than announced are refused", async () => {
  const session = connect(proxy.http2Url);
  session.on("error", () => undefined);
  const hosts = session.request({ ":authority": proxy.host(vmId), host: "other.example" });
  const [headers] = await once(hosts, "response");
  expect(headers[":status"]).toBe(400);
  hosts.resume();
  for (const body of ["abc", "abcdef"]) {
    const wrong = session.request({
      ":authority": proxy.host(vmId),
      ":method": "POST",
      "content-length": "5",
    });
    const closed = new Promise((resolve) => wrong.once("close", resolve));
    wrong.on("error", () => undefined).end(body);
    await closed;
    expect(wrong.rstCode).not.toBe(0);
  }
  session.destroy();
  expect(seen).toEqual([]);
});

test("what is well formed goes through after all of this", async () => {
  const host = proxy.host(vmId);
  const absolute = `GET http://${host}/a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  expect(await sendBytes(proxy.port, absolute)).toMatch(/^HTTP\/1.1 200 /);
  const chunked = `POST /b HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n0\r\n\r\n`;
  expect(await sendBytes(proxy.port, chunked)).toMatch(/^HTTP\/1.1 200 /);
  expect(seen).toEqual(["GET /a ", "POST /b ab"]);
});
