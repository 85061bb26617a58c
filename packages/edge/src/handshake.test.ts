/** What happens to a client that asks for a WebSocket before it has one: it may come at the wrong time, leave early, or be refused. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { TestEdge } from "./testing/test-edge.ts";

const IDLE_MS = 300;

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start();
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await expect.poll(() => proxy.edge.metrics()).toMatchObject({ openRequests: 0, openConnections: 0 });
  await proxy[Symbol.asyncDispose]();
});

const HEAD = (vmId: VmId) =>
  `GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

function ask(bytes: string): Socket {
  const socket = connect(proxy.port, "127.0.0.1");
  socket.on("error", () => undefined).write(bytes);
  return socket;
}

/** All that comes until the connection closes. */
async function received(socket: Socket): Promise<string> {
  let bytes = "";
  socket.on("data", (chunk) => {
    bytes += chunk.toString("latin1");
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return bytes;
}

/** A service that never answers; resolves with its connection when the whole head is there. */
async function silent(): Promise<{ readonly vmId: VmId; readonly asked: Promise<Socket> }> {
  const asked = Promise.withResolvers<Socket>();
  const vmId = await proxy.rawService((socket) => socket.once("data", () => asked.resolve(socket)));
  return { vmId, asked: asked.promise };
}

const REFUSAL = "HTTP/1.1 403 No\r\nContent-Length: 500\r\n\r\nabc";

/** A service that refuses and stalls in mid-answer. */
const stalls = () => proxy.rawService((socket) => socket.once("data", () => socket.write(REFUSAL)));

/** A VM that has begun to wake, and its signal, when somebody asks for it; it sleeps on until it is let go. */
function sleeper() {
  const asked = Promise.withResolvers<AbortSignal>();
  const awake = Promise.withResolvers<void>();
  proxy.vms.waking = (signal) => {
    if (signal !== undefined) asked.resolve(signal);
    return awake.promise;
  };
  return { asked: asked.promise, wake: () => awake.resolve() };
}

function pause(vmId: VmId): VmId {
  Object.assign(proxy.vms.vms.get(vmId) ?? {}, { status: "paused", autoResume: true });
  return vmId;
}

test("one that comes while an earlier answer is under way ends the connection, and reaches nobody", async () => {
  const { vmId, asked } = await silent();
  const socket = ask(`GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\n\r\n`);
  await asked;
  const dials = proxy.vms.dials;
  socket.write(HEAD(vmId));
  expect(await received(socket)).toBe("");
  expect(proxy.vms.dials).toBe(dials);
});

test("and so does one in the same packet as the request before it", async () => {
  const { vmId } = await silent();
  const socket = ask(`GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\n\r\n${HEAD(vmId)}`);
  expect(await received(socket)).toBe("");
});

test("one that comes after a whole answer on the same connection opens", async () => {
  const vmId = await proxy.rawService((socket) => {
    socket.once("data", (head) => {
      if (head.includes("websocket"))
        socket.end("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
      else socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  const socket = ask(`GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\n\r\n`);
  await once(socket, "data");
  socket.write(HEAD(vmId));
  expect(await received(socket)).toMatch(/^HTTP\/1.1 101 [^]*hello$/);
});

describe("a client that leaves", () => {
  test.each(["", "frames sent too early"])("while the VM wakes is not waited for (%j)", async (early) => {
    const { asked } = sleeper();
    const socket = ask(HEAD(pause(proxy.vms.add({ port: 1 }))));
    const signal = await asked;
    socket.end(early);
    await expect.poll(() => signal.aborted).toBe(true);
    await expect.poll(() => proxy.edge.metrics().requests).toEqual({ aborted: 1 });
    socket.destroy();
  });

  test.each(["end", "resetAndDestroy"] as const)("during the handshake ends it (%s)", async (leave) => {
    const { vmId, asked } = await silent();
    const socket = ask(HEAD(vmId));
    await asked;
    socket[leave]();
    await expect.poll(() => proxy.edge.metrics().openConnections).toBe(0);
    await expect.poll(() => proxy.edge.metrics().requests).toEqual({ aborted: 1 });
    socket.destroy();
  });

  test("a refusal that stalls ends it, and counts as answered", async () => {
    const socket = ask(HEAD(await stalls()));
    await once(socket, "data");
    socket.end();
    await expect.poll(() => proxy.edge.metrics().openConnections).toBe(0);
    expect(proxy.edge.metrics().requests).toEqual({ "4xx": 1 });
    socket.destroy();
  });
});

test("a refusal in which nothing moves is ended", async () => {
  await proxy[Symbol.asyncDispose]();
  proxy = await TestEdge.start({ idleMs: IDLE_MS });
  expect(await received(ask(HEAD(await stalls())))).toMatch(/^HTTP\/1.1 403 No[^]*abc$/);
  expect(proxy.edge.metrics()).toMatchObject({
    requests: { "4xx": 1 },
    proxyErrors: { service_timeout: 1 },
  });
});

test("what a client sends before its WebSocket is open arrives behind the handshake, whole and in order", async () => {
  const seen = Promise.withResolvers<Buffer>();
  const numbers = Buffer.from(Array.from({ length: 100_000 }, (_, index) => `${index} `).join(""));
  const vmId = await proxy.rawService((socket) => {
    const chunks: Buffer[] = [];
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.once("end", () => {
        seen.resolve(Buffer.concat(chunks));
        socket.end();
      });
    });
  });
  const { asked, wake } = sleeper();
  const socket = ask(`${HEAD(pause(vmId))}with the head `);
  await asked;
  socket.write(numbers);
  wake();
  await once(socket, "data");
  socket.end("open");
  const expected = Buffer.concat([Buffer.from("with the head "), numbers, Buffer.from("open")]);
  expect((await seen.promise).equals(expected)).toBe(true);
  socket.destroy();
});
