/** Clients over real sockets that are slow, held up or gone. */
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { endWhenSilent } from "./end-when-silent.ts";
import { selfSigned } from "./testing/self-signed.ts";

const EVERY_MS = 30;
const LONG_MS = 12 * EVERY_MS;

const CERTIFICATE = selfSigned();
type Scheme = "ws" | "wss";

interface Pair extends AsyncDisposable {
  readonly served: WebSocket;
  readonly client: WebSocket;
}

/** A client that answers no ping unless it says so, and a server that looks whether it is there. */
async function pair(scheme: Scheme, { autoPong = false } = {}): Promise<Pair> {
  const server = scheme === "wss" ? createTlsServer(CERTIFICATE) : createServer();
  const sockets = new WebSocketServer({ noServer: true });
  const opened = Promise.withResolvers<WebSocket>();
  server.on("upgrade", (request, connection: Duplex, head: Buffer) => {
    sockets.handleUpgrade(request, connection, head, (socket) => {
      const stop = endWhenSilent(socket, connection, EVERY_MS);
      socket.on("error", () => undefined).on("close", stop);
      opened.resolve(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`${scheme}://localhost:${port}`, { autoPong, ca: CERTIFICATE.cert });
  client.on("error", () => undefined);
  await once(client, "open");
  const served = await opened.promise;
  return {
    served,
    client,
    [Symbol.asyncDispose]: async () => {
      client.terminate();
      served.terminate();
      server.close();
      await once(server, "close");
    },
  };
}

/** Over TLS a write is done when it is encrypted, which is later. */
describe.each(["ws", "wss"] as const)("over %s", (scheme) => {
  test("ends one that answers nothing, and none that does", async () => {
    await using gone = await pair(scheme);
    await using there = await pair(scheme, { autoPong: true });
    await once(gone.served, "close");
    await delay(LONG_MS);
    expect(there.served.readyState).toBe(WebSocket.OPEN);
  });

  test("does not count the time in which it is not read itself", async () => {
    await using held = await pair(scheme, { autoPong: true });
    held.served.pause();
    held.client.send("x");
    await delay(LONG_MS);
    expect(held.served.readyState).toBe(WebSocket.OPEN);
    held.served.resume();
    await delay(LONG_MS);
    expect(held.served.readyState).toBe(WebSocket.OPEN);
  });

  test("takes bytes of a message that is not whole for a sign of life", async () => {
    await using slow = await pair(scheme);
    // A message of 1 KiB, of which a byte comes now and then.
    const { _socket: wire } = slow.client as unknown as { _socket: Socket };
    wire.write(Buffer.from([0x82, 0xfe, 0x04, 0x00, 0, 0, 0, 0]));
    for (const end = performance.now() + LONG_MS; performance.now() < end; await delay(EVERY_MS / 2))
      wire.write(Buffer.alloc(1));
    expect(slow.served.readyState).toBe(WebSocket.OPEN);
    await once(slow.served, "close");
  });

  test("does not end one that reads slowly or rests, but one that reads no more", async () => {
    await using slow = await pair(scheme);
    const read = vi.fn<() => void>();
    slow.client.pause();
    // Without an end, the next when the last is on its way.
    const piece = Buffer.alloc(256 * 1024);
    const sendOn = (error?: Error | null): void => {
      if (!error) slow.served.send(piece, sendOn);
    };
    for (let at = 0; at < 8; at += 1) sendOn();
    slow.client.on("message", () => {
      read();
      slow.client.pause();
    });
    slow.client.resume();
    for (; read.mock.calls.length < 12; await delay(EVERY_MS)) slow.client.resume();
    expect(slow.served.bufferedAmount).toBeGreaterThan(0);
    expect(slow.served.readyState).toBe(WebSocket.OPEN);
    await delay(LONG_MS);
    // Held, as a download is.
    expect(slow.served.readyState).toBe(WebSocket.OPEN);
    await once(slow.served, "close");
  });
});
