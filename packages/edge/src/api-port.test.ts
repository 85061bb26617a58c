/** The proxy behind the API's own listener, as the daemon has it. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as createHttp2Server, type ClientHttp2Session } from "node:http2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createControlPlane, FakeWorker, type ControlPlane } from "@fastvm/control-plane";
import { sendBytes } from "./testing/request.ts";
import { DOMAIN, TestEdge } from "./testing/test-edge.ts";

const BODY = Buffer.alloc(64 * 1024, 7);

let proxy: TestEdge;
let plane: ControlPlane;
let port: number;

beforeEach(async () => {
  proxy = await TestEdge.start();
  const nothing = () => undefined;
  plane = await createControlPlane({
    worker: new FakeWorker(),
    log: { info: nothing, warn: nothing, error: (fields) => void proxy.errors.push(fields) },
    store: { kind: "sqlite", path: ":memory:" },
    config: { connectionGraceMs: 50, domain: DOMAIN },
    proxyServices: () => proxy.edge,
  });
  port = Number(new URL(await plane.listen({ host: "127.0.0.1", port: 0 })).port);
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await expect
    .poll(() => proxy.edge.metrics(), { timeout: 10_000 })
    .toMatchObject({ openRequests: 0, openConnections: 0 });
  await plane.close();
  await proxy[Symbol.asyncDispose]();
});

/** Node's client has the same small bound on its memory as its server. */
async function openSession(settings = {}): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, {
    maxSessionMemory: 1000,
    maxHeaderListPairs: 2000,
    settings,
  });
  session.on("error", () => undefined);
  // Before that, Node's client would send no more than 100 requests at once.
  await once(session, "remoteSettings");
  return session;
}

test("a WebSocket that is asked for behind an unfinished answer ends its connection, and no other", async () => {
  const vmId = await proxy.rawService(() => undefined);
  const host = proxy.host(vmId);
  const upgrade = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  for (const first of [host, "localhost"]) {
    const answer = await sendBytes(port, `GET /healthz HTTP/1.1\r\nHost: ${first}\r\n\r\n${upgrade}`, 5000);
    expect(answer).not.toMatch(/ 101 /);
  }
  expect(await sendBytes(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).toMatch(
    /^HTTP\/1.1 200 /,
  );
});

test("1,000 answers of 64 KiB come whole over one connection, 250 at a time", async () => {
  const vmId = await proxy.service((_request, response) => response.end(BODY));
  const session = await openSession();
  let left = 1000;
  const worker = async () => {
    while (left-- > 0) {
      const body = await session.request({ ":authority": proxy.host(vmId) }).toArray();
      expect(Buffer.concat(body as Buffer[]).equals(BODY)).toBe(true);
    }
  };
  await Promise.all(Array.from({ length: 250 }, worker));
  session.destroy();
});

test.each([false, true])("streams that stall stop no new one on their connection (h2c %j)", async (h2c) => {
  const big = Buffer.alloc(1024 * 1024);
  const answer = (_request: unknown, response: { end(body: Buffer): unknown }) => void response.end(big);
  const server = h2c ? createHttp2Server(answer) : createServer(answer);
  const vmId = proxy.vms.add({ port: await proxy.listen(server), h2c });
  const session = await openSession({ initialWindowSize: 0 });
  const stalled = Array.from({ length: 300 }, () => session.request({ ":authority": proxy.host(vmId) }));
  await Promise.all(stalled.map((stream) => once(stream, "response")));
  const [headers] = await once(session.request({ ":authority": proxy.host(vmId, "other") }), "response");
  expect(headers[":status"]).toBe(404);
  session.destroy();
});

test("a request over HTTP/2 may have as many headers as one over HTTP/1.1; more are 400", async () => {
  const vmId = await proxy.service(({ headers }, response) => response.end(headers["x-400"]));
  const session = await openSession();
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, "yes"]));
  const ask = (count: number) => session.request({ ":authority": proxy.host(vmId), ...many(count) });
  expect(String(Buffer.concat((await ask(450).toArray()) as Buffer[]))).toBe("yes");
  const [headers] = await once(ask(600), "response");
  expect([headers[":status"], headers["x-fastvm-proxy-error"]]).toEqual([400, "invalid_request"]);
  session.destroy();
});

test("an answer's headers may fill the 64 KiB that a service may send, be they many or long", async () => {
  for (const [count, length] of [
    [1500, 30],
    [15, 4200],
  ] as const) {
    const value = "a".repeat(length);
    const vmId = await proxy.service((_request, response) => {
      for (let index = 0; index < count; index += 1) response.setHeader(`x-${index}`, value);
      response.end();
    });
    const session = await openSession({ maxHeaderListSize: 1_000_000 });
    const [headers] = await once(session.request({ ":authority": proxy.host(vmId) }), "response");
    expect([headers[":status"], headers[`x-${count - 1}`]]).toEqual([200, value]);
    session.destroy();
  }
});
