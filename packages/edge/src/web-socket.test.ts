/** WebSockets: both ways, both ends, and what comes instead of one. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { WebSocket, WebSocketServer } from "ws";
import { sendBytes } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start({ halfClosedMs: 100, idleMs: 1000 });
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await proxy[Symbol.asyncDispose]();
});

async function echo(): Promise<VmId> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => "chat" });
  sockets.on("connection", (socket, request) => {
    socket.on("error", () => undefined);
    socket.send(`${request.headers.host} ${request.url} ${request.headers.origin}`);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return proxy.vms.add({ port: await proxy.listen(server) });
}

function open(vmId: VmId, path = "/"): WebSocket {
  const headers = { Host: proxy.host(vmId), Origin: "http://page.example" };
  return new WebSocket(proxy.url + path, "chat", { headers });
}

const HEAD = (vmId: VmId) =>
  `GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

/** A client whose handshake is done, by hand. */
async function upgraded(vmId: VmId, allowHalfOpen = false): Promise<Socket> {
  const socket = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen });
  socket.on("error", () => undefined).write(HEAD(vmId));
  await once(socket, "data");
  return socket;
}

/** A service that says yes and leaves the rest to the test. */
function yes(then: (socket: Socket) => void): Promise<VmId> {
  return proxy.rawService((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      then(socket);
    });
  });
}

const closed = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));

test("messages go both ways, with the protocol, the path, the host and the origin that were asked for", async () => {
  const vmId = await echo();
  const socket = open(vmId, "/chat?room=1");
  const [hello] = await once(socket, "message");
  expect(String(hello)).toBe(`${proxy.host(vmId)} /chat?room=1 http://page.example`);
  expect(socket.protocol).toBe("chat");
  const big = Buffer.alloc(2 * 1024 * 1024, 7);
  socket.send(big);
  const [answer] = (await once(socket, "message")) as [Buffer];
  expect(answer.equals(big)).toBe(true);
  expect(proxy.edge.metrics()).toMatchObject({
    openWebSockets: 1,
    openConnections: 1,
    requests: { "1xx": 1 },
  });
  socket.close();
  await once(socket, "close");
  await expect
    .poll(() => proxy.edge.metrics())
    .toMatchObject({ openWebSockets: 0, openConnections: 0, openRequests: 0 });
});

test("many at once do not mix", async () => {
  const vmId = await echo();
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const socket = open(vmId);
      await once(socket, "message");
      socket.send(`${index}`);
      expect(String((await once(socket, "message"))[0])).toBe(`${index}`);
      socket.close();
      await once(socket, "close");
    }),
  );
});

test("bytes that come right behind the handshake, from either side, are not lost", async () => {
  const seen: string[] = [];
  const vmId = await proxy.rawService((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfrom service");
      socket.on("data", (chunk) => seen.push(chunk.toString()));
    });
  });
  const answer = await sendBytes(proxy.port, `${HEAD(vmId)}from client`);
  expect(answer).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n[^]*\r\n\r\nfrom service$/);
  expect(seen.join("")).toBe("from client");
});

test("a half that ends is passed on as such, and a silent other half does not keep the connection", async () => {
  const ended = Promise.withResolvers<Socket>();
  const vmId = await yes((socket) => socket.resume().once("end", () => ended.resolve(socket)));
  const client = await upgraded(vmId, true);
  client.end();
  const service = await ended.promise;
  // The other half still works for a while.
  service.write("last words");
  expect(String((await once(client, "data"))[0])).toBe("last words");
  await closed(client);
  // A socket that has read its end learns of the reset when it writes.
  const gone = closed(service);
  service.write("too late");
  await gone;
  await expect.poll(() => proxy.edge.metrics()).toMatchObject({ openWebSockets: 0, openConnections: 0 });
});

test("the service's end reaches the client, and so does its reset", async () => {
  const ends = await upgraded(await yes((socket) => socket.end()));
  await closed(ends.resume());
  const resets = await upgraded(await yes((socket) => setTimeout(() => socket.resetAndDestroy(), 20)));
  await closed(resets.resume());
  await expect.poll(() => proxy.edge.metrics().openConnections).toBe(0);
});

test("a client that vanishes ends the service's connection", async () => {
  const gone = Promise.withResolvers<void>();
  const vmId = await yes((socket) => socket.resume().once("close", () => gone.resolve()));
  (await upgraded(vmId)).resetAndDestroy();
  await gone.promise;
});

test("one in which nothing moves is ended", async () => {
  const client = await upgraded(await yes(() => undefined));
  const startedAt = performance.now();
  await closed(client.resume());
  expect(performance.now() - startedAt).toBeGreaterThan(900);
});

test("a service's no is passed on, with its body", async () => {
  const vmId = await proxy.service((_request, response) => {
    response.writeHead(403, { "X-Why": "because" });
    response.end("no sockets here");
  });
  const answer = await sendBytes(proxy.port, HEAD(vmId));
  expect(answer).toMatch(/^HTTP\/1.1 403 Forbidden\r\n[^]*X-Why: because/);
  expect(answer).toContain("no sockets here");
});

test("what cannot be reached is answered by the proxy", async () => {
  const dead = proxy.vms.add({ port: 1 });
  expect(await sendBytes(proxy.port, HEAD(dead))).toMatch(
    /^HTTP\/1.1 502 [^]*x-fastvm-proxy-error: service_unreachable/i,
  );
  const h2c = proxy.vms.add({ port: proxy.port, h2c: true });
  expect(await sendBytes(proxy.port, HEAD(h2c))).toMatch(/^HTTP\/1.1 400 /);
  const paused = proxy.vms.add({ port: 1 }, { status: "paused" });
  expect(await sendBytes(proxy.port, HEAD(paused))).toMatch(/^HTTP\/1.1 503 [^]*retry-after: 5/i);
  const other = await proxy.rawService((socket) =>
    socket.once("data", () =>
      socket.write("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: telnet\r\n\r\n"),
    ),
  );
  expect(await sendBytes(proxy.port, HEAD(other))).toMatch(/^HTTP\/1.1 502 [^]*service_bad_answer/);
});

test("an upgrade to anything else is no WebSocket, should one come this far", async () => {
  const vmId = await echo();
  const both = HEAD(vmId).replace("Upgrade: websocket", "Upgrade: websocket, h2c");
  expect(await sendBytes(proxy.port, both)).not.toMatch(/ 101 /);
  const front = createServer();
  front.on("upgrade", (request, socket, head) => proxy.edge.upgrade(request, socket, head));
  const port = await proxy.listen(front);
  expect(await sendBytes(port, HEAD(vmId).replace("websocket", "h2c"))).toMatch(/^HTTP\/1.1 400 /);
});

test("a paused VM wakes for one", async () => {
  const vmId = await echo();
  const vm = proxy.vms.vms.get(vmId);
  if (vm !== undefined) Object.assign(vm, { status: "paused", autoResume: true });
  const socket = open(vmId);
  await once(socket, "message");
  expect(proxy.vms.wakes).toBe(1);
  socket.terminate();
});
